// The JavaScript SDK as its users call it, against a running Treadle.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { collect } from "./calls.mjs";
import { serve } from "./server.mjs";

const input = {
  messages: [{ role: "user", content: "Hello! My name is Bagatur and I am 26 years old." }],
};

describe("the examples", () => {
  let server, client;
  before(async () => {
    server = await serve("examples/langgraph.json");
    client = new Client({ apiUrl: server.url, apiKey: "any" });
  });
  after(() => server.stop());

  test("a stateless stream sends metadata, then the updates", async () => {
    const chunks = await collect(client.runs.stream(null, "agent", { input, streamMode: "updates" }));
    assert.deepEqual(chunks.map((chunk) => chunk.event), ["metadata", "updates"]);
    const seen = chunks.filter((chunk) => chunk.data && !("run_id" in chunk.data));
    assert.match(seen[0].data.agent.messages[0].content, /Bagatur/);
  });

  test("tokens come one by one", async () => {
    const chunks = await collect(client.runs.stream(null, "agent", { input, streamMode: ["messages-tuple"] }));
    const tokens = chunks.filter((chunk) => chunk.event === "messages").map((chunk) => chunk.data[0].content);
    assert.ok(tokens.length > 5);
    assert.match(tokens.join(""), /Bagatur.*26/);
  });

  test("a stateless wait resolves to the output", async () => {
    const output = await client.runs.wait(null, "agent", { input });
    assert.match(output.messages.at(-1).content, /Bagatur/);
  });

  test("assistants are found", async () => {
    const found = await client.assistants.search({ limit: 10, offset: 0 });
    assert.deepEqual(found.map((assistant) => assistant.graph_id), ["agent", "triage"]);
    assert.equal((await client.assistants.get(found[0].assistant_id)).graph_id, "agent");
  });
});

describe("the graphs under test", () => {
  let server, client;
  before(async () => {
    server = await serve("tests/graphs/langgraph.json");
    client = new Client({ apiUrl: server.url });
  });
  after(() => server.stop());

  test("a failing graph rejects the wait with its error", async () => {
    await assert.rejects(client.runs.wait(null, "failing", { input: { foo: "value" } }), /ValueError: boom/);
  });

  test("a failing graph can be told from its output instead", async () => {
    const output = await client.runs.wait(null, "failing", { input: { foo: "value" }, raiseError: false });
    assert.deepEqual(output, { __error__: { error: "ValueError", message: "boom" } });
  });

  test("a bad request is told with its status and detail, and not tried again", async () => {
    await assert.rejects(client.runs.wait(null, "nobody", { input: {} }), (error) => {
      assert.equal(error.status, 422);
      assert.match(error.text, /assistant_id/);
      return true;
    });
  });

  test("subgraphs name their events", async () => {
    const options = { input: { foo: 1 }, streamMode: "updates", streamSubgraphs: true };
    const events = (await collect(client.runs.stream(null, "nested", options))).map((chunk) => chunk.event);
    assert.equal(events.length, 3);
    assert.match(events[1], /^updates\|child:/);
  });

  test("a background run is read, joined and streamed by its ids", async () => {
    const run = await client.runs.create(null, "simple", { input: { foo: 1 }, streamResumable: true });
    assert.equal(run.status, "pending");
    assert.deepEqual(await client.runs.join(run.thread_id, run.run_id), { foo: 1, items: ["a", "b"] });
    const options = { lastEventId: "-1" };
    const underThread = await collect(client.runs.joinStream(run.thread_id, run.run_id, options));
    const byId = await collect(client.runs.joinStream(null, run.run_id, options));
    assert.deepEqual(byId, underThread);
    assert.deepEqual(byId.map((chunk) => chunk.id), ["1", "2", "3", "4"]);
  });

  test("a batch keeps its order; keys in camel case are ignored as on the official server", async () => {
    const items = [1, 2, 3].map((foo) => ({ assistantId: "simple", input: { foo } }));
    const runs = await client.runs.createBatch(items);
    const outputs = await Promise.all(runs.map((run) => client.runs.join(run.thread_id, run.run_id)));
    assert.deepEqual(outputs.map((output) => output.foo), [1, 2, 3]);
  });

  test("runs are listed, cancelled one by one and in bulk, and deleted", async () => {
    const payload = { input: { seconds: 0 }, afterSeconds: 60 };
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => client.runs.create(null, "slow", payload)));
    const listed = await client.runs.list(one.thread_id, { limit: 5 });
    assert.deepEqual(listed.map((run) => run.run_id), [one.run_id]);
    assert.equal((await client.runs.get(one.thread_id, one.run_id)).status, "pending");
    await client.runs.cancel(one.thread_id, one.run_id, true);
    await client.runs.cancelMany({ threadId: two.thread_id, runIds: [two.run_id] });
    await client.runs.delete(three.thread_id, three.run_id);
    for (const run of [one, two, three])
      await assert.rejects(client.runs.get(run.thread_id, run.run_id), (error) => error.status === 404);
  });

  test("leaving a stream cancels its run when asked to", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const options = { input: { seconds: 30 }, streamMode: "custom", onDisconnect: "cancel", signal };
    let runId;
    for await (const chunk of client.runs.stream(null, "slow", options)) {
      runId ??= chunk.data.run_id;
      if (chunk.event === "custom") controller.abort();
    }
    const ended = await fetch(`${server.url}/runs/${runId}/join`);
    await ended.text();
    assert.equal((await (await fetch(`${server.url}/runs/${runId}`)).json()).status, "interrupted");
  });
});
