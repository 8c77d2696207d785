// A connection that breaks: the JavaScript SDK goes to `Location` and gets what it missed, each event once.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { serve } from "./server.mjs";

const payload = { input: { count: 15, size: 50 }, streamMode: "custom", streamResumable: true };

let server;
before(async () => (server = await serve("tests/graphs/langgraph.json")));
after(() => server.stop());

/** A client whose first response breaks off when it is told to, and the requests that it makes. */
function unlucky() {
  const requests = [];
  let line;
  const breaking = () => new TransformStream({ start: (controller) => (line = controller) });
  const fetching = async (url, init) => {
    const response = await fetch(url, init);
    const after = new Headers(init.headers).get("last-event-id");
    requests.push({ method: init.method, path: new URL(url).pathname, after });
    return requests.length > 1 ? response : new Response(response.body.pipeThrough(breaking()), response);
  };
  const client = new Client({ apiUrl: server.url, callerOptions: { fetch: fetching } });
  return { client, requests, breakOff: () => line.error(new TypeError("terminated")) };
}

/** All chunks of a stream whose line breaks at its third. */
async function broken(stream, breakOff) {
  const chunks = [];
  for await (const chunk of stream) if (chunks.push(chunk) === 3) breakOff();
  return chunks;
}

function check(chunks, requests) {
  assert.deepEqual(chunks.map((chunk) => chunk.id), Array.from({ length: 16 }, (_, index) => `${index + 1}`));
  assert.deepEqual(chunks.map((chunk) => chunk.event), ["metadata", ...Array(15).fill("custom")]);
  assert.equal(requests.length, 2);
  assert.equal(requests[1].method, "GET");
  assert.equal(requests[1].after, "3");
}

// Each waits a second or two before it tries again.
describe("a stream whose line breaks", { concurrency: true }, () => {
  test("goes on at /runs/{run_id}/stream", async () => {
    const { client, requests, breakOff } = unlucky();
    const chunks = await broken(client.runs.stream(null, "pouring", payload), breakOff);
    check(chunks, requests);
    assert.equal(requests[1].path, `/runs/${chunks[0].data.run_id}/stream`);
  });

  for (const underThread of [true, false])
    test(`joined ${underThread ? "under its thread" : "by its id"}, goes on where it was`, async () => {
      const { client, requests, breakOff } = unlucky();
      const run = await new Client({ apiUrl: server.url }).runs.create(null, "pouring", payload);
      const stream = client.runs.joinStream(underThread ? run.thread_id : null, run.run_id, { lastEventId: "-1" });
      check(await broken(stream, breakOff), requests);
      assert.equal(requests[1].path, requests[0].path);
    });
});
