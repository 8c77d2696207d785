// Answers that get lost: the JavaScript SDK sends its request again, and with a key of its own that makes one run.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { collect, detail, end, refused } from "./calls.mjs";
import { serve } from "./server.mjs";

let server;
before(async () => (server = await serve("tests/graphs/langgraph.json")));
after(() => server.stop());

const MISHAPS = {
  "the connection is cut": (response) => response.destroy(),
  "a proxy says 503": (response) => response.writeHead(503).end("no answer"),
};

/** A line to the server. What it answers to the first request is lost, when the run is there already. */
async function losing(mishap) {
  const seen = [];
  const proxy = createServer((incoming, response) => {
    const { method, url: path, headers } = incoming;
    const onwards = request(new URL(path, server.url), { method, headers }, (answer) => {
      seen.push({ method, path, run: /runs\/([^/]+)/.exec(answer.headers["content-location"] ?? "")?.[1] });
      if (seen.length === 1) {
        answer.destroy();
        return mishap(response);
      }
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onwards.on("error", () => response.destroy());
    incoming.pipe(onwards);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const stop = () => (proxy.closeAllConnections(), proxy.close());
  return { url: `http://127.0.0.1:${proxy.address().port}`, seen, stop };
}

const input = { seconds: 0.2 };
const CALLS = {
  wait: (client) => client.runs.wait(null, "slow", { input }),
  stream: async (client) => (await collect(client.runs.stream(null, "slow", { input, streamMode: "values" }))).at(-1).data,
  create: async (client) => {
    const { run_id } = await client.runs.create(null, "slow", { input });
    await end(client, run_id);
    return (await detail(client, run_id)).values;
  },
  createBatch: async (client) => {
    const [{ run_id }] = await client.runs.createBatch([{ assistantId: "slow", input }]);
    await end(client, run_id);
    return (await detail(client, run_id)).values;
  },
};

// Each waits a second or two before it tries again.
describe("a request whose answer is lost", { concurrency: true }, () => {
  for (const [what, mishap] of Object.entries(MISHAPS))
    for (const [name, call] of Object.entries(CALLS))
      test(`makes one run: ${name}, ${what}`, async () => {
        const line = await losing(mishap);
        try {
          const defaultHeaders = { "Idempotency-Key": `${name}: ${what}` };
          const outcome = await call(new Client({ apiUrl: line.url, defaultHeaders }));
          assert.deepEqual(outcome, { seconds: 0.2, done: true });
          const posts = line.seen.filter((each) => each.method === "POST");
          assert.equal(posts.length, 2);
          assert.equal(posts[0].run, posts[1].run);
          if (name !== "createBatch") assert.ok(posts[0].run);
        } finally {
          line.stop();
        }
      });
});

test("a key that is used for another request is not tried again", async () => {
  const client = new Client({ apiUrl: server.url, defaultHeaders: { "Idempotency-Key": "another" } });
  await client.runs.wait(null, "simple", { input: { foo: 1 } });
  await assert.rejects(client.runs.wait(null, "simple", { input: { foo: 2 } }), refused(409, /Idempotency-Key: /));
});
