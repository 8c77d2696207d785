// Load from a process of its own: takes one job a line (JSON) from standard input, and writes what it saw (JSON).
import { createInterface } from "node:readline";
import autocannon from "autocannon";

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await fire(JSON.parse(line))));
}

/** `amount` requests over `connections` connections, each of which sends the next one when it has its answer. */
async function fire({ amount, ...job }) {
  const times = [];
  let refused = 0;
  let unsent = amount - job.connections;
  let took;
  const began = performance.now();
  const load = autocannon({
    ...job,
    amount: amount * job.connections, // autocannon gives each its part; here a fast connection sends more than a slow one
    headers: { "content-type": "application/json" },
    sampleInt: 50, // milliseconds after which the end is seen
    timeout: 300,
  });
  load.on("response", (client, status, _, milliseconds) => {
    times.push(milliseconds);
    took = (performance.now() - began) / 1000;
    refused += status === 200 ? 0 : 1;
    if (unsent > 0) unsent -= 1;
    else client.responseMax = client.reqsMade; // it has no more to send
  });
  const { errors } = await load;
  times.sort((one, other) => one - other);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { errors, refused, count: times.length, took, p50: at(0.5), p99: at(0.99), max: at(1) };
}
