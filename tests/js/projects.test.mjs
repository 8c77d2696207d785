// The projects of tests/projects answer the JavaScript SDK as they answer Python's.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Client } from "@langchain/langgraph-sdk";
import { serve } from "./server.mjs";

const requests = JSON.parse(readFileSync(new URL("../projects/requests.json", import.meta.url), "utf8"));

for (const name of new Set(requests.map(({ project }) => project))) {
  test(`the project ${name}`, async () => {
    const { url, stop } = await serve(`tests/projects/${name}/langgraph.json`);
    try {
      for (const request of requests.filter(({ project }) => project === name)) {
        const { graph, input, context, config, durability, token, expected = {}, last, interrupted } = request;
        const defaultHeaders = token ? { authorization: `Bearer ${token}` } : {};
        const client = new Client({ apiUrl: url, defaultHeaders });
        const answer = await client.runs.wait(null, graph, {
          ...{ input, context, config, durability },
          onCompletion: request.on_completion,
        });
        for (const [key, value] of Object.entries(expected)) assert.deepEqual(answer[key], value);
        if (last) assert.equal(answer.messages.at(-1).content, last);
        if (interrupted) assert.deepEqual(answer.__interrupt__[0].value, interrupted);
      }
    } finally {
      await stop();
    }
  });
}
