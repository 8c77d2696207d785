// Assistants that clients create, by the JavaScript SDK with every option that it has.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { kept, refused } from "./calls.mjs";
import { serve } from "./server.mjs";

const UNKNOWN = "00000000-0000-0000-0000-000000000000";

let server, client;
before(async () => {
  server = await serve("tests/graphs/assistants.json");
  client = new Client({ apiUrl: server.url });
});
after(() => server.stop());

/** The id of the assistant that a graph comes with. */
async function graphAssistant(graphId) {
  const [found] = await client.assistants.search({ graphId, metadata: { created_by: "system" } });
  return found.assistant_id;
}

/** The names of the nodes of a graph, without start and end. */
const nodeIds = (graph) => graph.nodes.map(({ id }) => id).filter((id) => !id.startsWith("__"));

describe("an assistant", () => {
  test("is created once by a script that runs twice", async () => {
    const payload = { graphId: "simple", assistantId: randomUUID(), ifExists: "do_nothing" };
    const once = await client.assistants.create(payload);
    assert.deepEqual([once.assistant_id, once.name, once.version], [payload.assistantId, "Untitled", 1]);
    assert.deepEqual([once.config, once.context, once.metadata, once.description], [{}, {}, {}, null]);
    assert.deepEqual(await client.assistants.create({ ...payload, name: "Other" }), once);
    const output = await client.runs.wait(null, payload.assistantId, { input: { foo: 1 } });
    assert.deepEqual(output, { foo: 1, items: ["a", "b"] });
  });

  test("has all that it was created with", async () => {
    const payload = {
      graphId: "contextual",
      config: { tags: ["t"], recursion_limit: 7 },
      context: { user: "ana" },
      metadata: { mine: 1 },
      assistantId: randomUUID(),
      ifExists: "raise",
      name: "Ana's",
      description: "for Ana",
    };
    const created = await client.assistants.create(payload);
    assert.deepEqual(await client.assistants.get(payload.assistantId), created);
    assert.deepEqual(created.config, { ...payload.config, configurable: { user: "ana" } });
    assert.deepEqual([created.graph_id, created.name, created.description], ["contextual", "Ana's", "for Ana"]);
    assert.deepEqual([created.context, created.metadata], [{ user: "ana" }, { mine: 1 }]);
  });

  test("is made once under its id, which is a UUID, for a graph that exists", async () => {
    const { assistant_id: assistantId } = await client.assistants.create({ graphId: "simple" });
    for (const ifExists of [undefined, "raise"])
      await assert.rejects(
        client.assistants.create({ graphId: "simple", assistantId, ifExists }),
        refused(409, new RegExp(assistantId)),
      );
    const named = { graphId: "simple", assistantId: "my-own" };
    await assert.rejects(client.assistants.create(named), refused(422, /my-own/));
    await assert.rejects(client.assistants.create({ graphId: "nobody" }), refused(404, /nobody/));
  });

  test("is what its runs start from", async () => {
    const context = { user: "ana" };
    const { assistant_id: assistantId } = await client.assistants.create({ graphId: "contextual", context });
    assert.deepEqual((await client.runs.wait(null, assistantId, { input: {} })).foo, { user: "ana", limit: 3 });
    const given = { input: {}, context: { limit: 5 } };
    assert.deepEqual((await client.runs.wait(null, assistantId, given)).foo, { user: "ana", limit: 5 });
  });

  test("has a version for each update", async () => {
    const first = { config: { tags: ["t"] }, context: { a: 1 }, metadata: { n: 1 }, name: "First" };
    const { assistant_id: assistantId } = await client.assistants.create({ graphId: "simple", ...first });
    const config = { recursion_limit: 9 };
    const second = await client.assistants.update(assistantId, { config, metadata: { more: 1 } });
    assert.deepEqual([second.config, second.context, second.metadata], [config, {}, { n: 1, more: 1 }]);
    const change = { graphId: "echo", context: { b: 2 }, name: "Third", description: "new", metadata: { n: 3 } };
    const third = await client.assistants.update(assistantId, change);
    assert.deepEqual(third.config, { ...config, configurable: { b: 2 } });
    assert.deepEqual([third.graph_id, third.name, third.description], ["echo", "Third", "new"]);

    const versions = await client.assistants.getVersions(assistantId);
    assert.deepEqual(versions.map(({ version }) => version), [3, 2, 1]);
    assert.deepEqual(await client.assistants.getVersions(assistantId, { metadata: { n: 1 } }), versions.slice(1));
    assert.deepEqual(await client.assistants.getVersions(assistantId, { limit: 1, offset: 1 }), versions.slice(1, 2));

    assert.equal((await client.assistants.setLatest(assistantId, 1)).name, "First");
    assert.equal((await client.assistants.get(assistantId)).version, 1);
    await assert.rejects(client.assistants.setLatest(assistantId, 9), refused(404, /9/));
  });

  test("is deleted, and leaves its threads", async () => {
    const { assistant_id: assistantId } = await client.assistants.create({ graphId: "simple" });
    const { thread_id: threadId } = await kept(client, assistantId);
    assert.equal(await client.assistants.delete(assistantId), undefined);
    for (const method of ["get", "delete", "getVersions", "getSchemas", "getGraph", "getSubgraphs"])
      await assert.rejects(client.assistants[method](assistantId), refused(404, new RegExp(assistantId)));
    assert.equal((await client.threads.get(threadId)).status, "idle");
  });

  test("is deleted with its threads", async () => {
    const { assistant_id: assistantId } = await client.assistants.create({ graphId: "simple" });
    const { thread_id: threadId } = await kept(client, assistantId);
    const other = await kept(client, "simple");
    await client.assistants.delete(assistantId, { deleteThreads: true });
    await assert.rejects(client.threads.get(threadId), refused(404, new RegExp(threadId)));
    assert.equal((await client.threads.get(other.thread_id)).status, "idle");
  });

  test("stays if it is that of a graph, but can be changed", async () => {
    const assistantId = await graphAssistant("contextual");
    await client.assistants.update(assistantId, { context: { user: "cy" } });
    assert.equal((await client.runs.wait(null, "contextual", { input: {} })).foo.user, "cy");
    await assert.rejects(client.assistants.delete(assistantId), refused(409, /contextual/));
  });
});

describe("created assistants", () => {
  const mark = { mark: randomUUID() };
  before(async () => {
    for (const [graphId, name] of [["simple", "First one"], ["simple", "Second"], ["echo", "Third ONE"]])
      await client.assistants.create({ graphId, name, metadata: { ...mark, graph: graphId } });
  });

  for (const [query, names] of [
    [{}, ["Third ONE", "Second", "First one"]],
    [{ graphId: "simple" }, ["Second", "First one"]],
    [{ name: "one" }, ["Third ONE", "First one"]],
    [{ metadata: { ...mark, graph: "none" } }, []],
  ])
    test(`are found and counted: ${names.length} by ${Object.keys(query)}`, async () => {
      const found = await client.assistants.search({ metadata: mark, ...query });
      assert.deepEqual(found.map(({ name }) => name), names);
      assert.equal(await client.assistants.count({ metadata: mark, ...query }), names.length);
    });

  test("are read page by page", async () => {
    const found = [];
    for (let offset = 0; offset !== null; ) {
      const options = { metadata: mark, limit: 2, offset, sortBy: "name", sortOrder: "asc", select: ["name"] };
      const page = await client.assistants.search({ ...options, includePagination: true });
      found.push(...page.assistants);
      offset = page.next === null ? null : Number(page.next);
    }
    assert.deepEqual(found, ["First one", "Second", "Third ONE"].map((name) => ({ name })));
  });
});

describe("the graph of an assistant", () => {
  for (const [xray, node] of [
    [undefined, "middle"],
    [false, "middle"],
    [1, "middle:inner"],
    [2, "middle:inner:count"],
    [true, "middle:inner:count"],
  ])
    test(`is drawn with xray ${xray}`, async () => {
      const drawn = await client.assistants.getGraph(await graphAssistant("deep"), { xray });
      assert.deepEqual(nodeIds(drawn), [node]);
      const edges = [{ source: "__start__", target: node }, { source: node, target: "__end__" }];
      assert.deepEqual(drawn.edges, edges);
      assert.deepEqual(await client.assistants.getGraph("deep", { xray }), drawn);
    });

  test("is not drawn to no depth", async () => {
    await assert.rejects(client.assistants.getGraph("deep", { xray: 0 }), refused(422, /xray/));
    await assert.rejects(client.assistants.getGraph(UNKNOWN), refused(404, new RegExp(UNKNOWN)));
  });

  test("has schemas", async () => {
    const { assistant_id: assistantId } = await client.assistants.create({ graphId: "private" });
    const schemas = await client.assistants.getSchemas(assistantId);
    assert.equal(schemas.graph_id, "private");
    const parts = ["input", "output", "state"].map((name) => Object.keys(schemas[`${name}_schema`].properties));
    assert.deepEqual(parts, [["q"], ["a"], ["q", "a", "secret"]]);
    assert.deepEqual([schemas.config_schema, schemas.context_schema], [{}, null]);
  });

  test("has subgraphs, by their names", async () => {
    const assistantId = await graphAssistant("deep");
    assert.deepEqual(Object.keys(await client.assistants.getSubgraphs(assistantId)), ["middle"]);
    const found = await client.assistants.getSubgraphs(assistantId, { recurse: true });
    assert.deepEqual(Object.keys(found), ["middle", "middle|inner"]);
    for (const namespace of ["middle", "middle|inner"]) {
      const named = await client.assistants.getSubgraphs(assistantId, { namespace });
      assert.deepEqual(named, { [namespace]: found[namespace] });
    }
    assert.deepEqual(await client.assistants.getSubgraphs(assistantId, { namespace: "middle", recurse: true }), found);
    const nowhere = client.assistants.getSubgraphs(assistantId, { namespace: "nowhere" });
    await assert.rejects(nowhere, refused(404, /nowhere/));
  });
});
