// Streams of the JavaScript SDK: every mode, subgraphs, joining, replaying, and leaving early.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { collect, detail, end, names, refused } from "./calls.mjs";
import { serve } from "./server.mjs";

const input = { foo: 1 };
const hello = { messages: [{ role: "user", content: "hi" }] };
const EVENTS = ["values", "updates", "values", "updates", "values"];

let server, client;
before(async () => {
  server = await serve("tests/graphs/langgraph.json");
  client = new Client({ apiUrl: server.url });
});
after(() => server.stop());

describe("a new stream", () => {
  const modes = [
    ...["values", "updates", "tasks", "checkpoints", "debug", "custom"].map((mode) => [mode, "simple", [mode]]),
    ["events", "chat", ["events"]],
    ["messages", "chat", ["messages/metadata", "messages/partial", "messages/complete"]],
    ["messages-tuple", "chat", ["messages"]],
  ];
  for (const [mode, graph, expected] of modes)
    for (const streamMode of [mode, [mode]])
      test(`has the mode ${JSON.stringify(streamMode)}`, async () => {
        // Kept, since a run whose thread is deleted has no checkpoints.
        const payload = { input: graph === "chat" ? hello : input, streamMode, onCompletion: "keep" };
        const seen = new Set(await names(client.runs.stream(null, graph, payload)));
        assert.deepEqual(seen, new Set(["metadata", ...expected]));
      });

  test("has several modes together", async () => {
    const stream = client.runs.stream(null, "simple", { input, streamMode: ["values", "updates"] });
    assert.deepEqual(await names(stream), ["metadata", ...EVENTS]);
  });

  test("has the values if no mode is named", async () => {
    for (const payload of [{ input }, { input, streamMode: [] }]) {
      const seen = await names(client.runs.stream(null, "simple", payload));
      assert.deepEqual(seen, ["metadata", "values", "values", "values"]);
    }
  });

  for (const [streamSubgraphs, expected] of [[true, ["updates|child", "updates"]], [false, ["updates"]]])
    test(`${streamSubgraphs ? "has" : "has no"} events of subgraphs`, async () => {
      const stream = client.runs.stream(null, "nested", { input, streamMode: "updates", streamSubgraphs });
      const seen = (await names(stream)).map((name) => name.replace(/:.*/, ""));
      assert.deepEqual(seen, ["metadata", ...expected]);
    });

  for (const [streamResumable, ids] of [[true, ["1", "2", "3", "4"]], [false, Array(4).fill(undefined)]])
    test(`${streamResumable ? "has" : "has no"} ids`, async () => {
      const chunks = await collect(client.runs.stream(null, "simple", { input, streamResumable }));
      assert.deepEqual(chunks.map((chunk) => chunk.id), ids);
    });

  test("ends with the error of a failed run", async () => {
    const chunks = await collect(client.runs.stream(null, "failing", { input: { foo: "own" } }));
    assert.equal(chunks.at(-1).event, "error");
    assert.deepEqual(chunks.at(-1).data, { error: "OwnError", message: "An internal error occurred" });
  });

  test("tells of interrupts", async () => {
    const chunks = await collect(client.runs.stream(null, "asking", { input, streamMode: ["values", "updates"] }));
    for (const event of ["values", "updates"]) {
      const [interrupt] = chunks.filter((chunk) => chunk.event === event).at(-1).data.__interrupt__;
      assert.deepEqual(interrupt.value, { question: "sure?" });
    }
  });

  test("tells its run before its first event, from Content-Location", async () => {
    const created = [];
    const onRunCreated = (run) => created.push(run);
    for await (const chunk of client.runs.stream(null, "simple", { input, onRunCreated }))
      if (chunk.event === "metadata") assert.equal(created[0].run_id, chunk.data.run_id);
    await client.runs.wait(null, "simple", { input, onRunCreated });
    const run = await client.runs.create(null, "simple", { input, onRunCreated });
    assert.equal(created[2].run_id, run.run_id);
    for (const { run_id, thread_id } of created) {
      assert.deepEqual(await client.runs.fetch(`/runs/${run_id}/join`), { foo: 1, items: ["a", "b"] });
      if (thread_id) assert.equal((await detail(client, run_id)).thread_id, thread_id);
    }
  });
});

describe("a joined stream", () => {
  let run;
  before(async () => {
    const payload = { input, streamMode: ["values", "updates"], streamResumable: true };
    run = await client.runs.create(null, "simple", payload);
    await client.runs.join(run.thread_id, run.run_id);
  });

  /** What the two addresses of the run's stream give, which is the same. */
  async function joined(options) {
    const underThread = await collect(client.runs.joinStream(run.thread_id, run.run_id, options));
    assert.deepEqual(await collect(client.runs.joinStream(null, run.run_id, options)), underThread);
    return underThread;
  }

  const forms = [
    [undefined, ["metadata", ...EVENTS]],
    ["updates", ["updates", "updates"]],
    [["updates"], ["updates", "updates"]],
    [["values", "updates"], EVENTS],
    ["values,updates", EVENTS],
    // As the SDK before 1.10 sent a list.
    ['["values","updates"]', EVENTS],
    ["custom", []],
    [[], ["metadata", ...EVENTS]],
  ];
  for (const [streamMode, expected] of forms)
    test(`has the modes ${JSON.stringify(streamMode)}`, async () => {
      const chunks = await joined({ streamMode, lastEventId: "-1" });
      assert.deepEqual(chunks.map((chunk) => chunk.event), expected);
    });

  for (const [lastEventId, ids] of Object.entries({ "-1": "123456", 0: "123456", 2: "3456", 6: "", x: "", "": "" }))
    test(`goes on after ${lastEventId || "nothing"}`, async () => {
      const chunks = await joined({ lastEventId });
      assert.deepEqual(chunks.map((chunk) => chunk.id), [...ids]);
    });

  test("of an unknown mode is refused", async () => {
    for (const threadId of [run.thread_id, null])
      await assert.rejects(
        collect(client.runs.joinStream(threadId, run.run_id, { streamMode: "bogus" })),
        refused(422, /stream_mode/),
      );
  });

  test("of a run that waits to start has everything", async () => {
    for (const under of [true, false]) {
      const late = await client.runs.create(null, "simple", { input, afterSeconds: 0.2 });
      const stream = client.runs.joinStream(under ? late.thread_id : null, late.run_id);
      assert.deepEqual(await names(stream), ["metadata", "values", "values", "values"]);
    }
  });
});

describe("leaving early", () => {
  /** The run's status after its stream was left by an abort at its first event of the graph. */
  async function left(stream, controller, runId) {
    for await (const chunk of stream) {
      runId ??= chunk.data.run_id;
      if (chunk.event === "custom") controller.abort();
    }
    return end(client, runId);
  }

  for (const [onDisconnect, seconds, status] of [
    ["cancel", 30, "interrupted"],
    ["continue", 0.3, "success"],
    [undefined, 0.3, "success"],
  ])
    test(`a stream with onDisconnect ${onDisconnect} leaves its run ${status}`, async () => {
      const controller = new AbortController();
      const payload = { input: { seconds }, streamMode: "custom", onDisconnect, signal: controller.signal };
      assert.equal(await left(client.runs.stream(null, "slow", payload), controller), status);
    });

  for (const underThread of [true, false])
    for (const [cancelOnDisconnect, seconds, status] of [[true, 30, "interrupted"], [false, 0.3, "success"]])
      test(`a joined stream ${underThread ? "under its thread" : "by its id"} leaves its run ${status}`, async () => {
        const run = await client.runs.create(null, "slow", {
          input: { seconds },
          streamMode: "custom",
          streamResumable: true,
        });
        const controller = new AbortController();
        const options = { cancelOnDisconnect, signal: controller.signal, lastEventId: "-1" };
        const stream = client.runs.joinStream(underThread ? run.thread_id : null, run.run_id, options);
        assert.equal(await left(stream, controller, run.run_id), status);
      });

  for (const [onDisconnect, seconds, status] of [["cancel", 30, "interrupted"], ["continue", 0.3, "success"]])
    test(`a wait with onDisconnect ${onDisconnect} leaves its run ${status}`, async () => {
      const controller = new AbortController();
      let runId;
      // Leaves when the answer has begun.
      const fetching = async (url, init) => {
        const response = await fetch(url, init);
        runId = response.headers.get("content-location").split("/").at(-1);
        setImmediate(() => controller.abort());
        return response;
      };
      const waiting = new Client({ apiUrl: server.url, callerOptions: { fetch: fetching } });
      const payload = { input: { seconds }, onDisconnect, signal: controller.signal };
      await assert.rejects(waiting.runs.wait(null, "slow", payload), /abort/i);
      assert.equal(await end(client, runId), status);
    });

  for (const [cancelOnDisconnect, seconds, status] of [[true, 30, "interrupted"], [false, 0.3, "success"]])
    test(`a join with cancelOnDisconnect ${cancelOnDisconnect} leaves its run ${status}`, async () => {
      const run = await client.runs.create(null, "slow", { input: { seconds } });
      const options = { cancelOnDisconnect, signal: AbortSignal.timeout(100) };
      // The SDK would try again after an abort, with pauses of half a minute in all.
      const impatient = new Client({ apiUrl: server.url, callerOptions: { maxRetries: 0 } });
      await assert.rejects(impatient.runs.join(run.thread_id, run.run_id, options), /abort/i);
      assert.equal(await end(client, run.run_id), status);
    });
});
