// A server with API keys: what the JavaScript SDK calls `apiKey`.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { collect, refused } from "./calls.mjs";
import { serve } from "./server.mjs";

describe("API keys", () => {
  const request = { input: { foo: 1 }, streamMode: "values" };
  let server;
  before(async () => (server = await serve("tests/graphs/langgraph.json", { TREADLE_API_KEYS: "js=the-key" })));
  after(() => server.stop());

  for (const [how, options] of [
    ["apiKey", { apiKey: "the-key" }],
    ["Authorization", { defaultHeaders: { Authorization: "Bearer the-key" } }],
  ]) {
    test(`a key as ${how} opens everything`, async () => {
      const client = new Client({ apiUrl: server.url, ...options });
      assert.deepEqual(await client.runs.wait(null, "simple", { input: { foo: 1 } }), { foo: 1, items: ["a", "b"] });
      assert.equal((await collect(client.runs.stream(null, "simple", request))).at(-1).event, "values");
    });
  }

  for (const apiKey of ["wrong", null]) {
    test(`${apiKey} is refused, once, with what is wrong`, async () => {
      const client = new Client({ apiUrl: server.url, apiKey });
      await assert.rejects(client.runs.wait(null, "simple", { input: { foo: 1 } }), refused(401, /key/));
      await assert.rejects(collect(client.runs.stream(null, "simple", request)), refused(401, /key/));
    });
  }
});
