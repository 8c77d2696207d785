// Every field of the JavaScript SDK's payloads has its effect, by each method that creates runs.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { collect, ended, refused } from "./calls.mjs";
import { serve } from "./server.mjs";

const SOME_ID = "01a1fcc4-be40-7503-a98b-f479b877e3b9";
const ALL = ["create", "wait", "stream", "createBatch"];
const FIRST_ONLY = { foo: 1, items: ["a"] };
const BOTH = { foo: 1, items: ["a", "b"] };
const SEND = { node: "second", input: {} };
const input = { foo: 1 };

let server, client;
before(async () => {
  server = await serve("tests/graphs/langgraph.json");
  client = new Client({ apiUrl: server.url, apiKey: "any", defaultHeaders: { "x-request-id": "mine" } });
});
after(() => server.stop());

const inSnakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The id of a new run. A batch sends what it is given as it is: the keys have to be those of the contract. */
async function create(method, graph, payload) {
  if (method === "createBatch") {
    const fields = Object.fromEntries(Object.entries(payload).map(([key, value]) => [inSnakeCase(key), value]));
    const [run] = await client.runs.createBatch([{ assistantId: graph, ...fields }]);
    return run.run_id;
  }
  let runId;
  const options = { ...payload, raiseError: false, onRunCreated: (run) => (runId = run.run_id) };
  const result = client.runs[method](null, graph, options);
  await (method === "stream" ? collect(result) : result);
  return runId;
}

/** A new run once it has ended. */
const run = async (method, graph, payload) => ended(client, await create(method, graph, payload));

/** One test for each method. */
function each(methods, name, body) {
  for (const method of methods) test(`${method}: ${name}`, () => body(method));
}

describe("what the graph makes of a field", () => {
  const cases = [
    ["input", ALL, "builder", { input: { foo: [1, { a: null }] } }, { foo: [1, { a: null }], items: ["a"] }],
    ["command.goto", ALL, "simple", { command: { goto: "second" } }, { items: ["a", "b", "b"] }],
    ["command.goto with a Send", ALL, "simple", { command: { goto: SEND } }, { items: ["a", "b", "b"] }],
    ["command.goto with Sends", ALL, "simple", { command: { goto: [SEND, SEND] } }, { items: ["a", "b", "b", "b"] }],
    ["command.update", ALL, "simple", { command: { update: input } }, BOTH],
    ["command.update as pairs", ALL, "simple", { command: { update: [["foo", 1]] } }, BOTH],
    ["config", ALL, "factory", { input: {}, config: { configurable: { label: "mine" } } }, { items: ["mine"] }],
    ["context", ALL, "contextual", { input: {}, context: { user: "u" } }, { foo: { user: "u", limit: 3 }, items: [] }],
    ["interruptBefore", ALL, "simple", { input, interruptBefore: ["second"] }, FIRST_ONLY],
    ["interruptBefore of all", ALL, "simple", { input, interruptBefore: "*" }, { foo: 1, items: [] }],
    ["interruptAfter", ALL, "simple", { input, interruptAfter: ["first"] }, FIRST_ONLY],
    ["interruptAfter of all", ALL, "simple", { input, interruptAfter: "*" }, FIRST_ONLY],
    // A stateless run has a thread of its own: there is nothing that this could change.
    ["ifNotExists", ALL, "simple", { input, ifNotExists: "reject" }, BOTH],
  ];
  for (const [name, methods, graph, payload, values] of cases)
    each(methods, name, async (method) => assert.deepEqual((await run(method, graph, payload)).values, values));
});

describe("what the node finds in its config", () => {
  const cases = [
    ["metadata", ALL, { metadata: { mine: 1 } }, (seen) => seen.metadata.mine, 1],
    ["config.metadata", ALL, { config: { metadata: { mine: 2 } } }, (seen) => seen.metadata.mine, 2],
    ["config.tags", ALL, { config: { tags: ["t"] } }, (seen) => seen.tags, ["t"]],
    ["checkpointId", ALL, { checkpointId: SOME_ID }, (seen) => seen.metadata.checkpoint_id, SOME_ID],
    ["checkpoint", ALL, { checkpoint: { checkpoint_id: SOME_ID } }, (seen) => seen.metadata.checkpoint_id, SOME_ID],
    ["a header", ALL, {}, (seen) => seen.configurable.langgraph_request_id, "mine"],
  ];
  for (const [name, methods, payload, read, expected] of cases)
    each(methods, name, async (method) => {
      const [seen] = (await run(method, "echo", { input: {}, ...payload })).values.items;
      assert.deepEqual(read(seen), expected);
    });

  each(["create", "wait"], "_langsmithTracer", async (method) => {
    const tracer = { projectName: "p", exampleId: SOME_ID };
    const [seen] = (await run(method, "echo", { input: {}, _langsmithTracer: tracer })).values.items;
    assert.equal(seen.configurable.__langsmith_project__, "p");
    assert.equal(seen.configurable.__langsmith_example_id__, SOME_ID);
  });
});

describe("how a run is carried out", () => {
  const durabilities = [
    ["durability sync", { durability: "sync" }, "sync", 4],
    ["durability async", { durability: "async" }, "async", 4],
    ["durability exit", { durability: "exit" }, "exit", 1],
    ["checkpointDuring", { checkpointDuring: true }, "async", 4],
    ["no checkpointDuring", { checkpointDuring: false }, "exit", 1],
  ];
  for (const [name, payload, durability, checkpoints] of durabilities)
    each(ALL, `${name} says which checkpoints stay`, async (method) => {
      const { kwargs, thread_id } = await run(method, "simple", { input, onCompletion: "keep", ...payload });
      assert.equal(kwargs.durability, durability);
      assert.equal((await client.threads.getHistory(thread_id)).length, checkpoints);
    });

  each(ALL, "onCompletion keeps the thread or deletes it", async (method) => {
    const kept = await run(method, "simple", { input, onCompletion: "keep" });
    assert.equal((await client.runs.get(kept.thread_id, kept.run_id)).status, "success");
    for (const payload of [{ input }, { input, onCompletion: "delete" }]) {
      const { thread_id, run_id } = await run(method, "simple", payload);
      await assert.rejects(client.runs.get(thread_id, run_id), refused(404));
    }
  });

  each(ALL, "afterSeconds delays the start", async (method) => {
    const { kwargs, started_at } = await run(method, "simple", { input, afterSeconds: 0.2 });
    const received = kwargs.config.configurable.__request_start_time_ms__;
    assert.ok(new Date(started_at) - received >= 199);
  });

  each(ALL, "multitaskStrategy is kept with the run", async (method) => {
    const { multitask_strategy, status } = await run(method, "simple", { input, multitaskStrategy: "reject" });
    assert.deepEqual([multitask_strategy, status], ["reject", "success"]);
  });

  each(ALL, "recursion_limit fails a run that takes more steps", async (method) => {
    const payload = { input: { count: 5, size: 0 }, config: { recursion_limit: 5 } };
    assert.equal((await run(method, "laps", payload)).error.error, "GraphRecursionError");
  });

  each(["create", "createBatch"], "streamMode, streamSubgraphs and streamResumable are the run's", async (method) => {
    const payload = { input, streamMode: ["updates", "custom"], streamSubgraphs: true, streamResumable: true };
    const { run_id } = await run(method, "nested", payload);
    const replay = await collect(client.runs.joinStream(null, run_id, { lastEventId: "-1" }));
    const events = replay.map((chunk) => chunk.event.replace(/:.*/, ""));
    assert.deepEqual(events, ["metadata", "custom|child", "updates|child", "updates"]);
  });
});

describe("what is refused, with the field's name in the text", () => {
  const cases = [
    ["webhook", 422, ALL, { webhook: "http://127.0.0.1/hook" }, /webhook/],
    ["feedbackKeys", 422, ["create", "stream", "createBatch"], { feedbackKeys: ["helpful"] }, /feedback_keys/],
    ["streamMode", 422, ["create", "stream", "createBatch"], { streamMode: "bogus" }, /stream_mode/],
    ["durability", 422, ALL, { durability: "bogus" }, /durability/],
    // The SDK's types name `complete` and `continue`, which neither this server nor the contract knows.
    ["onCompletion", 422, ALL, { onCompletion: "complete" }, /on_completion/],
    ["onDisconnect", 422, ["wait", "stream"], { onDisconnect: "bogus" }, /on_disconnect/],
    ["checkpointId", 422, ALL, { checkpointId: "bogus" }, /checkpoint_id/],
    ["afterSeconds", 422, ALL, { afterSeconds: "soon" }, /after_seconds/],
    ["command.resume", 400, ALL, { command: { resume: "yes" } }, /command\.resume/],
  ];
  for (const [name, status, methods, payload, text] of cases)
    each(methods, name, (method) =>
      assert.rejects(create(method, "simple", { input, ...payload }), refused(status, text)),
    );

  for (const [assistant, status] of [["nobody", 422], [SOME_ID, 404]])
    each(ALL, `the unknown assistant ${assistant}`, (method) =>
      assert.rejects(create(method, assistant, { input }), refused(status, new RegExp(assistant))),
    );

  each(["create", "wait", "stream"], "onRunCreated is not called", async (method) => {
    let called = false;
    const options = { input, afterSeconds: "soon", onRunCreated: () => (called = true) };
    const result = client.runs[method](null, "simple", options);
    await assert.rejects(method === "stream" ? collect(result) : result);
    assert.equal(called, false);
  });
});
