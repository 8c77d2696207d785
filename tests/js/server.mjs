// A server of its own for the tests of a file: `treadle serve` on a free port, ended with them.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PYTHON = process.env.TREADLE_PYTHON ?? `${ROOT}.venv/bin/python`;

/** Serves the graphs of a langgraph.json; resolves to the server's URL and a function that stops it. */
export async function serve(config, env = {}) {
  // In memory: the default file would be shared with whatever else is served from this folder.
  const server = spawn(PYTHON, ["-m", "treadle", "serve", ROOT + config, "--port", "0", "--database-uri", "memory://"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env },
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  for await (const line of createInterface({ input: server.stderr })) {
    const entry = JSON.parse(line);
    if (entry.event === "serving") {
      server.stderr.resume();
      return { url: entry.url, stop: () => (server.kill(), ended) };
    }
  }
  throw new Error(`the server ended with ${await ended}`);
}
