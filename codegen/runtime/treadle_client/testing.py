"""For the tests of services that use the client: servers on a free port of this machine.

`canned()` gives the answers that a test says, and needs nothing of the server. `served(config)` runs real graphs, and
needs `treadle[server]`. `treadle_client.pytest_plugin` makes a fixture of the first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from treadle_client.errors import RunFailed

Json = dict[str, Any]
NONE: Json = {"values": None, "error": None, "interrupts": [], "webhook_deliveries": [], "feedback": []}
TIMES = ("started_at", "ended_at", "expires_at", "queued_ms", "first_event_ms", "graph_ms")


class Refusal(Exception):
    """An answer that refuses the request: `server.answers["triage"] = Refusal(503, "shutting down")`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail = status, detail


class CannedServer:
    """Answers runs without a graph: waited for, streamed, and in the background."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Any] = {}
        """By the name of the graph: its output; a function from the input to the output; or a RunFailed or Refusal."""
        self.requests: list[Json] = []
        """The bodies of the requests that created runs."""
        self._runs: dict[str, Json] = {}

    def __repr__(self) -> str:
        return f"<CannedServer {self.url}>"

    def create(self, body: Json) -> Json:
        """A run that has ended. Raises Refusal."""
        self.requests.append(body)
        name = body["assistant_id"]
        if name not in self.answers:
            raise Refusal(422, f"assistant_id: no graph is called {name!r}; there are: {', '.join(self.answers)}")
        answer = self.answers[name]
        try:
            output = answer(body.get("input")) if callable(answer) else answer
        except (Refusal, RunFailed) as raised:
            output = raised
        if isinstance(output, Refusal):
            raise output
        failed = isinstance(output, RunFailed)
        error = {"error": output.error, "message": output.message} if isinstance(output, RunFailed) else None
        now = datetime.now(UTC).isoformat()
        run = {
            **{key: str(uuid4()) for key in ("run_id", "thread_id", "assistant_id")},
            "created_at": now,
            "updated_at": now,
            "status": "error" if failed else "success",
            "metadata": body.get("metadata", {}),
            "kwargs": body,
            "multitask_strategy": "enqueue",
            **NONE,
            **dict.fromkeys(TIMES),
            "values": None if failed else output,
            "error": error,
            "attempts": 1,
        }
        self._runs[run["run_id"]] = run
        return run

    def run(self, run_id: str) -> Json:
        """A run that was created. Raises Refusal."""
        if run_id not in self._runs:
            raise Refusal(404, f"There is no run {run_id}, or its outcome is no longer kept")
        return self._runs[run_id]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    canned: CannedServer

    def do_GET(self) -> None:
        """Runs that were created."""
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts == ["ok"]:
            self._reply(200, {"ok": True})
        elif parts[0] == "runs" and len(parts) in (2, 3):
            self._answer(lambda: self.canned.run(parts[1]), parts[2] if parts[2:] else "")
        else:
            self._reply(404, {"detail": f"A canned server does not serve {self.path}"})

    def do_POST(self) -> None:
        """New runs."""
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"null")
        ways = {"/runs": "", "/runs/wait": "join", "/runs/stream": "stream"}
        if self.path in ways:
            self._answer(lambda: self.canned.create(body), ways[self.path])
        else:
            self._reply(404, {"detail": f"A canned server does not serve {self.path}"})

    def _answer(self, find: Callable[[], Json], way: str) -> None:
        try:
            run = find()
        except Refusal as refusal:
            self._reply(refusal.status, {"detail": refusal.detail})
            return
        error = run["error"]
        headers = {"Content-Location": f"/runs/{run['run_id']}", "Location": f"/runs/{run['run_id']}/{way or 'join'}"}
        if way == "join":
            self._reply(200, {"__error__": error} if error else run["values"], headers)
        elif way == "stream":
            last = ("error", error) if error else ("values", run["values"])
            events = [("metadata", {"run_id": run["run_id"], "attempt": 1}), last]
            skip = int(self.headers.get("last-event-id") or 0)
            lines = [
                f"event: {name}\r\ndata: {json.dumps(data)}\r\nid: {number}\r\n\r\n"
                for number, (name, data) in enumerate(events, 1)
                if number > skip
            ]
            self._send(200, "".join(lines).encode(), {**headers, "Content-Type": "text/event-stream"})
        else:
            self._reply(200, run, headers)

    def _reply(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def canned(answers: dict[str, Any] | None = None) -> Iterator[CannedServer]:
    """A server that gives these answers, until the block is left."""
    server = CannedServer()
    server.answers.update(answers or {})
    handler = type("Handler", (_Handler,), {"canned": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        listening.daemon_threads = True
        server.url = f"http://127.0.0.1:{listening.server_port}"
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def served(config: str | Path, **environment: str) -> Iterator[str]:
    """The URL of a real server with the graphs of a `langgraph.json`, until the block is left.

    It keeps its runs in memory, and has this process's environment with the given variables. Raises RuntimeError with
    what the server said if it does not start.
    """
    command = [sys.executable, "-m", "treadle", "serve", str(config), "--port", "0", "--database-uri", "memory://"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        if not line.startswith("{"):
            process.terminate()
            raise RuntimeError(f"the server did not start: {line}{process.stderr.read()}".strip())
        reader = Thread(target=process.stderr.read, daemon=True)  # else a full pipe would stop the server
        reader.start()
        try:
            yield json.loads(line)["url"]
        finally:
            process.terminate()
            process.wait()
            reader.join()
