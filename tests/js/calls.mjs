// Calls that many tests make.

import { setTimeout as sleep } from "node:timers/promises";

/** All chunks of a stream. */
export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** The names of a stream's events. */
export async function names(stream) {
  return (await collect(stream)).map((chunk) => chunk.event);
}

/** The first true value of `condition`, asked anew every few milliseconds for five seconds. */
export async function until(condition) {
  const deadline = Date.now() + 5000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error("not within 5 seconds");
    await sleep(5);
  }
}

/** For `assert.rejects`: an error of the SDK with this status, whose text matches. */
export function refused(status, text = /./) {
  return (error) =>
    error.status === status && text.test(error.text) && error.message === `HTTP ${status}: ${error.text}`;
}

/** A run as it is now. The SDK has no method for `GET /runs/{run_id}`, only its transport. */
export function detail(client, runId) {
  return client.runs.fetch(`/runs/${runId}`);
}

/** A run once it has ended. */
export async function ended(client, runId) {
  await client.runs.fetch(`/runs/${runId}/join`);
  return detail(client, runId);
}

/** The status in which a run ends; unlike a join, this leaves it alone. */
export async function end(client, runId) {
  const over = async () => {
    const { status } = await detail(client, runId);
    return ["pending", "running"].includes(status) ? undefined : status;
  };
  return until(over);
}

/** A run whose node would go on for half a minute. */
export async function running(client, payload) {
  const run = await client.runs.create(null, "slow", { input: { seconds: 30 }, ...payload });
  await until(async () => (await detail(client, run.run_id)).status === "running");
  return run;
}

/** A run that will not start for a minute. */
export function pending(client, payload) {
  return client.runs.create(null, "slow", { input: { seconds: 0 }, afterSeconds: 60, ...payload });
}

/** A run that has ended and whose thread stays. */
export async function kept(client, graph = "simple", payload = {}) {
  const run = await client.runs.create(null, graph, { input: { foo: 1 }, onCompletion: "keep", ...payload });
  return ended(client, run.run_id);
}

/** Resolves when the run is unknown. */
export function gone(client, runId) {
  return until(() => detail(client, runId).then(() => false, (error) => error.status === 404));
}
