// The JavaScript of the documents that Treadle was made for, with its set-up, against the examples. Their placeholders
// are filled in; where they print, `console` is that of the test.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { serve } from "./server.mjs";

let server;
before(async () => (server = await serve("examples/langgraph.json")));
after(() => server.stop());

/** A console that keeps what it is given. */
function quiet() {
  const printed = [];
  return { printed, log: (value) => printed.push(value) };
}

test("stateless streaming and waiting", async () => {
  const console = quiet();
  const client = new Client({ apiUrl: server.url });
  // Using the graph deployed with the name "agent"
  const assistantId = "agent";

  let input = {
    messages: [
      { role: "user", content: "Hello! My name is Bagatur and I am 26 years old." }
    ]
  };

  const streamResponse = client.runs.stream(
    // Don't pass in a thread_id and the stream will be stateless
    null,
    assistantId,
    {
      input,
      streamMode: "updates"
    }
  );
  for await (const chunk of streamResponse) {
    if (chunk.data && !("run_id" in chunk.data)) {
      console.log(chunk.data);
    }
  }

  let statelessRunResult = await client.runs.wait(
    null,
    assistantId,
    { input: input }
  );
  console.log(statelessRunResult);

  const [update, result] = console.printed;
  assert.equal(console.printed.length, 2);
  assert.match(update.agent.messages[0].content, /^Hello Bagatur!/);
  assert.deepEqual(result.messages.map((message) => message.type), ["human", "ai"]);
  assert.equal(result.messages[0].content, "Hello! My name is Bagatur and I am 26 years old.");
});

test("a streaming run without a thread", async () => {
  const console = quiet();
  const [assistantID, input] = ["agent", { messages: [{ role: "user", content: "Hello!" }] }];
  const client = new Client({ apiUrl: server.url, apiKey: "any-key" });

  // create a streaming run
  // highlight-next-line
  const streamResponse = client.runs.stream(
    // highlight-next-line
    null,  // (1)!
    assistantID,
    {
      input,
      streamMode: "updates"
    }
  );
  for await (const chunk of streamResponse) {
    console.log(chunk.data);
  }

  const [metadata, update] = console.printed;
  assert.deepEqual(Object.keys(metadata), ["run_id", "attempt"]);
  assert.deepEqual(Object.keys(update), ["agent"]);
});

test("what the set-up does by curl: find the graph, make a thread", async () => {
  const client = new Client({ apiUrl: server.url });
  const found = await client.assistants.search({ limit: 10, offset: 0 });
  const plain = found.filter(({ config }) => config == null || Object.keys(config).length === 0);
  assert.equal(plain[0].graph_id, "agent");
  assert.equal((await client.threads.create({})).status, "idle");
});
