// Runs read, joined, listed, cancelled and deleted by the JavaScript SDK: under their thread, and by their id alone.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client } from "@langchain/langgraph-sdk";

import { detail, ended, gone, kept, pending, refused, running, until } from "./calls.mjs";
import { serve } from "./server.mjs";

const UNKNOWN = "00000000-0000-0000-0000-000000000000";
const input = { foo: 1 };

let server, client;
before(async () => {
  server = await serve("tests/graphs/langgraph.json");
  client = new Client({ apiUrl: server.url });
});
after(() => server.stop());

/** The SDK's methods for a run of a thread. */
const underThread = (run) => ({
  get: () => client.runs.get(run.thread_id, run.run_id),
  join: () => client.runs.join(run.thread_id, run.run_id),
  cancel: (wait, action) => client.runs.cancel(run.thread_id, run.run_id, wait, action),
  delete: () => client.runs.delete(run.thread_id, run.run_id),
});

/** The same by the run's id alone: the SDK has no methods for it, only its transport. */
const byId = (run) => ({
  get: () => detail(client, run.run_id),
  join: () => client.runs.fetch(`/runs/${run.run_id}/join`, { params: { cancel_on_disconnect: "0" } }),
  cancel: (wait, action) =>
    client.runs.fetch(`/runs/${run.run_id}/cancel`, { method: "POST", params: { wait: wait ? "1" : "0", action } }),
  delete: () => client.runs.fetch(`/runs/${run.run_id}`, { method: "DELETE" }),
});

for (const form of [underThread, byId])
  describe(`one run ${form.name}`, () => {
    test("is read while it runs and after its end", async () => {
      const run = await running(client, { onCompletion: "keep", metadata: { mine: 1 } });
      const seen = await form(run).get();
      assert.deepEqual([seen.status, seen.metadata.mine, seen.run_id], ["running", 1, run.run_id]);
      await form(run).cancel(true);
      assert.equal((await form(run).get()).status, "interrupted");
    });

    test("is joined with what a wait would have answered, before its end and after", async () => {
      const slow = await client.runs.create(null, "slow", { input: { seconds: 0.1 } });
      assert.deepEqual(await form(slow).join(), { seconds: 0.1, done: true });
      assert.deepEqual(await form(slow).join(), { seconds: 0.1, done: true });
      const failing = await client.runs.create(null, "failing", { input: { foo: "value" } });
      assert.deepEqual(await form(failing).join(), { __error__: { error: "ValueError", message: "boom" } });
      const asking = await client.runs.create(null, "asking", { input });
      assert.deepEqual((await form(asking).join()).__interrupt__[0].value, { question: "sure?" });
    });

    for (const [name, make] of Object.entries({ running, pending }))
      for (const wait of [true, false])
        test(`is cancelled while ${name}, ${wait ? "waiting for its end" : "at once"}`, async () => {
          const run = await make(client, { onCompletion: "keep" });
          assert.deepEqual(await form(run).cancel(wait, "interrupt"), wait ? {} : undefined);
          if (!wait) await form(run).join();
          assert.equal((await form(run).get()).status, "interrupted");
          await assert.rejects(form(run).cancel(wait), refused(404));
        });

    for (const [name, make] of Object.entries({ running, pending }))
      test(`is rolled back while ${name}`, async () => {
        const run = await make(client, { onCompletion: "keep" });
        assert.deepEqual(await form(run).cancel(true, "rollback"), {});
        await assert.rejects(form(run).get(), refused(404));
        assert.equal((await client.threads.get(run.thread_id)).status, "idle");
      });

    for (const [name, make] of Object.entries({ running, pending, kept }))
      test(`is deleted while ${name}`, async () => {
        const run = await make(client);
        assert.equal(await form(run).delete(), undefined);
        await gone(client, run.run_id);
        await assert.rejects(form(run).delete(), refused(404));
      });

    test("is not found if it is unknown", async () => {
      const unknown = form({ thread_id: UNKNOWN, run_id: UNKNOWN });
      for (const call of Object.values(unknown)) await assert.rejects(call(), refused(404, new RegExp(UNKNOWN)));
    });

    test("is refused if its id is none, or the action", async () => {
      await assert.rejects(form({ thread_id: UNKNOWN, run_id: "x" }).get(), refused(422, /run_id/));
      await assert.rejects(form({ thread_id: UNKNOWN, run_id: UNKNOWN }).cancel(true, "x"), refused(422, /action/));
    });
  });

describe("the runs of a thread", () => {
  test("are listed in pages", async () => {
    const { thread_id, run_id } = await kept(client);
    const ids = async (options) => (await client.runs.list(thread_id, options)).map((run) => run.run_id);
    assert.deepEqual(await ids(), [run_id]);
    assert.deepEqual(await ids({ limit: 1, offset: 0 }), [run_id]);
    assert.deepEqual(await ids({ offset: 1 }), []);
    assert.deepEqual(await ids({ limit: 0 }), []);
  });

  test("are listed by status", async () => {
    const late = await pending(client);
    const failed = await client.runs.create(null, "failing", { input: { foo: "value" }, onCompletion: "keep" });
    await ended(client, failed.run_id);
    const shown = { success: await kept(client), error: failed, pending: late };
    for (const status of ["success", "error", "pending", "running", "timeout", "interrupted"])
      for (const [actual, run] of Object.entries(shown))
        assert.equal((await client.runs.list(run.thread_id, { status })).length, actual === status ? 1 : 0);
    await client.runs.delete(late.thread_id, late.run_id);
  });

  test("are listed with the keys asked for", async () => {
    const { thread_id, run_id } = await kept(client);
    const listed = await client.runs.list(thread_id, { select: ["run_id", "status"] });
    assert.deepEqual(listed, [{ run_id, status: "success" }]);
    // As the SDK before 1.10 sent a list.
    const [run] = await client.runs.list(thread_id, { select: '["run_id"]' });
    assert.deepEqual(run, { run_id });
  });

  test("are not found if the thread is unknown, and refused if the filter is", async () => {
    await assert.rejects(client.runs.list(UNKNOWN), refused(404, new RegExp(UNKNOWN)));
    await assert.rejects(client.runs.list(UNKNOWN, { status: "bogus" }), refused(422, /status/));
  });
});

describe("many runs", () => {
  for (const [action, end] of [[undefined, "interrupted"], ["interrupt", "interrupted"], ["rollback", undefined]])
    test(`are cancelled by their ids with the action ${action}`, async () => {
      const [run, other] = [await running(client), await pending(client)];
      const options = { threadId: run.thread_id, runIds: [run.run_id, other.run_id], action };
      assert.equal(await client.runs.cancelMany(options), undefined);
      if (end) assert.equal((await ended(client, run.run_id)).status, end);
      else await gone(client, run.run_id);
      // It is another thread's.
      assert.equal((await detail(client, other.run_id)).status, "pending");
      await assert.rejects(client.runs.cancelMany({ ...options, runIds: [run.run_id] }), refused(404, /No runs found/));
      await client.runs.delete(other.thread_id, other.run_id);
    });

  for (const [status, expected] of [
    ["pending", ["interrupted", "running"]],
    ["running", ["pending", "interrupted"]],
    ["all", ["interrupted", "interrupted"]],
  ])
    test(`are cancelled by the status ${status}`, async () => {
      const runs = [await pending(client), await running(client)];
      assert.equal(await client.runs.cancelMany({ status }), undefined);
      const statuses = async () => Promise.all(runs.map(async (run) => (await detail(client, run.run_id)).status));
      await until(async () => `${await statuses()}` === `${expected}`);
      await client.runs.cancelMany({ status: "all" });
    });

  test("are refused if the choice is none", async () => {
    for (const options of [{}, { threadId: UNKNOWN }, { runIds: [UNKNOWN] }, { status: "bogus" }])
      await assert.rejects(client.runs.cancelMany(options), refused(422));
  });
});
