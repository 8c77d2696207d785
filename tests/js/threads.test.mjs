// Threads, assistants and the server itself, by the JavaScript SDK with every option that it has.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { kept, refused, until } from "./calls.mjs";
import { serve } from "./server.mjs";

const UNKNOWN = "00000000-0000-0000-0000-000000000000";
const RESULT = { foo: 1, items: ["a", "b"] };

let server, client;
before(async () => {
  server = await serve("tests/graphs/langgraph.json");
  client = new Client({ apiUrl: server.url });
});
after(() => server.stop());

const threadOf = async (graph, payload) => (await kept(client, graph, payload)).thread_id;

describe("a thread", () => {
  test("is created, read and deleted", async () => {
    const thread = await client.threads.create();
    assert.deepEqual([thread.status, thread.metadata, thread.values], ["idle", {}, null]);
    assert.deepEqual(await client.threads.get(thread.thread_id), thread);
    assert.equal(await client.threads.delete(thread.thread_id), undefined);
    for (const method of ["get", "delete", "getState", "getHistory"])
      await assert.rejects(client.threads[method](thread.thread_id), refused(404, new RegExp(thread.thread_id)));
  });

  test("has the id and the metadata given", async () => {
    const threadId = randomUUID();
    await client.threads.create({ threadId, metadata: { mine: 1 }, graphId: "simple" });
    assert.deepEqual((await client.threads.get(threadId)).metadata, { mine: 1, graph_id: "simple" });
  });

  test("is made once under its id", async () => {
    const thread = await client.threads.create({ metadata: { mine: 1 } });
    const threadId = thread.thread_id;
    for (const ifExists of [undefined, "raise"])
      await assert.rejects(client.threads.create({ threadId, ifExists }), refused(409, new RegExp(threadId)));
    assert.deepEqual(await client.threads.create({ threadId, ifExists: "do_nothing" }), thread);
  });

  for (const ttl of [5, { ttl: 5 }, { ttl: 5, strategy: "delete" }, { ttl: 5, strategy: "keep_latest" }])
    test(`shows its lifetime of ${JSON.stringify(ttl)} if asked to`, async () => {
      const { thread_id } = await client.threads.create({ ttl });
      const shown = await client.threads.get(thread_id, { include: ["ttl"] });
      assert.deepEqual([shown.ttl.strategy, shown.ttl.ttl_minutes], [ttl.strategy ?? "delete", 5]);
      assert.equal((await client.threads.get(thread_id)).ttl, undefined);
    });

  test("is gone when its time is over", async () => {
    const { thread_id } = await client.threads.create({ ttl: 0 });
    await until(() => client.threads.get(thread_id).then(() => false, (error) => error.status === 404));
  });

  test("keeps only its latest state when its time is over", async () => {
    const supersteps = [0, 1, 2].map((foo) => ({ updates: [{ values: { foo }, asNode: "__start__" }] }));
    const ttl = { ttl: 0, strategy: "keep_latest" };
    const { thread_id } = await client.threads.create({ graphId: "simple", supersteps, ttl });
    await until(() => client.threads.getHistory(thread_id).then((history) => history.length === 1));
    assert.equal((await client.threads.getState(thread_id)).values.foo, 2);
  });

  for (const [payload, text] of [
    [{ ttl: { ttl: 5, strategy: "archive" } }, /strategy/],
    [{ ttl: -1 }, /ttl/],
    [{ threadId: "x" }, /thread_id/],
    [{ ifExists: "bogus" }, /if_exists/],
    [{ supersteps: [{ updates: [{ values: { foo: 1 }, asNode: "first" }] }] }, /graph_id/],
  ])
    test(`is refused with ${JSON.stringify(payload)}`, () =>
      assert.rejects(client.threads.create(payload), refused(422, text)));

  test("starts with the state of its supersteps", async () => {
    const supersteps = [
      { updates: [{ values: { foo: 1 }, asNode: "__start__" }] },
      { updates: [{ command: { update: { items: ["u"] } }, asNode: "first" }] },
    ];
    const { thread_id } = await client.threads.create({ graphId: "simple", supersteps });
    const state = await client.threads.getState(thread_id);
    assert.deepEqual([state.values, state.next], [{ foo: 1, items: ["u"] }, ["second"]]);
  });
});

describe("what a kept run leaves", () => {
  test("is the state of its thread", async () => {
    const threadId = await threadOf("simple", { metadata: { mine: 1 } });
    const thread = await client.threads.get(threadId);
    assert.deepEqual([thread.status, thread.values, thread.error], ["idle", RESULT, null]);
    assert.deepEqual([thread.metadata.graph_id, thread.metadata.mine], ["simple", 1]);
    const state = await client.threads.getState(threadId);
    assert.deepEqual([state.values, state.next, state.tasks], [RESULT, [], []]);
    assert.equal(state.checkpoint.thread_id, threadId);
  });

  test("is nothing before there is a run", async () => {
    const { thread_id } = await client.threads.create();
    const state = await client.threads.getState(thread_id);
    assert.deepEqual([state.values, state.next, state.checkpoint], [{}, [], null]);
    assert.deepEqual(await client.threads.getHistory(thread_id), []);
  });

  test("is its open interrupt", async () => {
    const threadId = await threadOf("asking");
    const thread = await client.threads.get(threadId);
    const [[interrupt]] = Object.values(thread.interrupts);
    assert.deepEqual([thread.status, interrupt.value], ["interrupted", { question: "sure?" }]);
    assert.deepEqual((await client.threads.getState(threadId)).tasks[0].interrupts, [interrupt]);
  });

  test("is its error", async () => {
    const threadId = await threadOf("failing", { input: { foo: "value" } });
    const thread = await client.threads.get(threadId);
    assert.deepEqual([thread.status, thread.error], ["error", { error: "ValueError", message: "boom" }]);
    assert.equal((await client.threads.getState(threadId)).tasks[0].error, "ValueError('boom')");
  });

  test("is the state of its subgraph too, if asked for", async () => {
    const threadId = await threadOf("nested_asking");
    assert.equal((await client.threads.getState(threadId)).tasks[0].state, null);
    const [task] = (await client.threads.getState(threadId, undefined, { subgraphs: true })).tasks;
    assert.deepEqual(task.state.next, ["ask"]);
  });

  test("is a history, the newest first", async () => {
    const threadId = await threadOf("simple");
    const history = await client.threads.getHistory(threadId);
    assert.deepEqual(history.map((state) => state.next), [[], ["second"], ["first"], ["__start__"]]);
    assert.deepEqual(await client.threads.getHistory(threadId, { limit: 2 }), history.slice(0, 2));
    assert.deepEqual(await client.threads.getHistory(threadId, { metadata: { step: 1 } }), [history[1]]);
    assert.deepEqual(await client.threads.getHistory(threadId, { metadata: { step: 9 } }), []);
  });

  test("is every state, by its checkpoint", async () => {
    const threadId = await threadOf("simple");
    for (const state of await client.threads.getHistory(threadId)) {
      assert.deepEqual(await client.threads.getState(threadId, state.checkpoint), state);
      assert.deepEqual(await client.threads.getState(threadId, state.checkpoint.checkpoint_id), state);
    }
  });

  test("is the state of its subgraph, by its checkpoint", async () => {
    const threadId = await threadOf("nested_asking");
    const { checkpoint, tasks } = await client.threads.getState(threadId);
    assert.deepEqual((await client.threads.getState(threadId, tasks[0].checkpoint)).next, ["ask"]);
    for (const form of [checkpoint, checkpoint.checkpoint_id]) {
      const [task] = (await client.threads.getState(threadId, form, { subgraphs: true })).tasks;
      assert.deepEqual(task.state.next, ["ask"]);
    }
  });

  test("is nothing at an unknown checkpoint", async () => {
    const threadId = await threadOf("simple");
    for (const form of [UNKNOWN, { checkpoint_id: UNKNOWN, checkpoint_ns: "" }])
      await assert.rejects(client.threads.getState(threadId, form), refused(404, new RegExp(UNKNOWN)));
    await assert.rejects(client.threads.getState(threadId, "x"), refused(422, /checkpoint_id/));
  });

  // The SDK's type is a Config; other clients give the checkpoint or its id.
  for (const [name, form] of Object.entries({
    config: (checkpoint) => ({ configurable: checkpoint }),
    checkpoint: (checkpoint) => checkpoint,
    id: (checkpoint) => checkpoint.checkpoint_id,
  }))
    test(`is a history that goes on before a ${name}`, async () => {
      const threadId = await threadOf("simple");
      const [newest, ...older] = await client.threads.getHistory(threadId);
      assert.deepEqual(await client.threads.getHistory(threadId, { before: form(newest.checkpoint) }), older);
    });

  test("is a history of its subgraph", async () => {
    const threadId = await threadOf("nested_asking");
    const [task] = (await client.threads.getState(threadId)).tasks;
    const states = await client.threads.getHistory(threadId, { checkpoint: task.checkpoint });
    assert.deepEqual(states[0].next, ["ask"]);
    assert.match(states[0].checkpoint.checkpoint_ns, /^child:/);
  });
});

describe("assistants", () => {
  test("are found by what is asked for", async () => {
    const [found] = await client.assistants.search({ graphId: "simple" });
    assert.deepEqual(await client.assistants.get(found.assistant_id), found);
    const named = await client.assistants.search({ name: "NESTED", metadata: { created_by: "system" } });
    const expected = ["nested", "nested_asking", "nested_chat", "nested_slow"];
    assert.deepEqual(named.map((each) => each.graph_id).sort(), expected);
    assert.deepEqual(await client.assistants.search({ metadata: { created_by: "nobody" } }), []);
  });

  test("come in sorted pages with the keys asked for", async () => {
    const byName = { limit: 100, sortBy: "name", sortOrder: "asc", select: ["graph_id"] };
    const every = await client.assistants.search(byName);
    assert.deepEqual(Object.keys(every[0]), ["graph_id"]);
    const graphs = every.map((each) => each.graph_id);
    assert.deepEqual(graphs, [...graphs].sort());
    const options = { limit: 2, offset: 1, sortBy: "graph_id", sortOrder: "desc", includePagination: true };
    const page = await client.assistants.search(options);
    assert.deepEqual(page.assistants.map((each) => each.graph_id), graphs.toReversed().slice(1, 3));
    assert.equal(page.next, "3");
    assert.equal((await client.assistants.search({ limit: 100, includePagination: true })).next, null);
  });

  test("are not found if they are unknown, and refused by anything but their id", async () => {
    await assert.rejects(client.assistants.search({ graphId: "bogus" }), refused(404, /bogus/));
    await assert.rejects(client.assistants.get(UNKNOWN), refused(404));
    await assert.rejects(client.assistants.get("simple"), refused(422, /simple/));
    await assert.rejects(client.assistants.search({ limit: 0 }), refused(422, /limit/));
  });
});

test("the server is well and says what it is", async () => {
  // The SDK has no methods for these, only its transport.
  assert.deepEqual(await client.assistants.fetch("/ok"), { ok: true, services: {} });
  assert.equal((await client.assistants.fetch("/ok", { params: { check_db: 1 } })).ok, true);
  assert.ok((await client.assistants.fetch("/info")).langgraph_py_version);
  assert.ok((await client.assistants.fetch("/openapi.json")).paths["/runs/wait"]);
  await assert.rejects(client.assistants.fetch("/nowhere"), refused(404));
});
