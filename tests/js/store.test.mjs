// Items, by the JavaScript SDK with every option that it has.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { refused } from "./calls.mjs";
import { serve } from "./server.mjs";

let server, client;
before(async () => {
  server = await serve("tests/graphs/storing.json");
  client = new Client({ apiUrl: server.url });
});
after(() => server.stop());

test("an item is put, got and deleted", async () => {
  const space = ["users", randomUUID()];
  assert.equal(await client.store.getItem(space, "theme"), null);
  await client.store.putItem(space, "theme", { dark: true }, { index: false, ttl: 5 });
  const item = await client.store.getItem(space, "theme", { refreshTtl: true });
  assert.deepEqual([item.namespace, item.key, item.value], [space, "theme", { dark: true }]);
  assert.equal(item.createdAt, item.updatedAt);
  assert.ok(Math.abs(Date.parse(item.createdAt) - Date.now()) < 60_000);
  await client.store.deleteItem(space, "theme");
  assert.equal(await client.store.getItem(space, "theme"), null);
});

test("items are searched, by meaning and by condition", async () => {
  const space = ["users", randomUUID()];
  for (const [key, text] of [["coast", "sea town"], ["alps", "hill"], ["port", "sea"]])
    await client.store.putItem(space, key, { text, size: text.length }, { index: ["text"] });
  const near = await client.store.searchItems(space, { query: "sea", limit: 2, refreshTtl: false });
  assert.deepEqual(near.items.map(({ key, score }) => [key, score.toFixed(2)]), [["port", "1.00"], ["coast", "0.71"]]);
  const large = await client.store.searchItems(space, { filter: { size: { $gt: 3 } }, limit: 10, offset: 1 });
  assert.deepEqual(large.items.map(({ key }) => key), ["coast"]);
});

test("namespaces are listed", async () => {
  const space = ["users", randomUUID()];
  for (const name of ["a", "b"]) await client.store.putItem([...space, name, "deep"], "k", {});
  const options = { prefix: space, suffix: ["deep"], maxDepth: 3, limit: 1, offset: 1 };
  assert.deepEqual(await client.store.listNamespaces(options), { namespaces: [[...space, "b"]] });
});

test("what a run keeps the next one finds", async () => {
  const key = randomUUID();
  for (const found of [null, 0, 1]) {
    const input = { key, note: found === null ? 0 : found + 1 };
    assert.deepEqual((await client.runs.wait(null, "runtime", { input })).found, [found]);
  }
  assert.deepEqual((await client.store.getItem(["kept", "notes"], key)).value, { note: 2 });
});

test("an item that cannot be is refused", async () => {
  await assert.rejects(client.store.putItem(["langgraph"], "k", {}), refused(422, /langgraph/));
  await assert.rejects(client.store.putItem(["a"], "k", {}, { ttl: -1 }), refused(422, /ttl/));
});
