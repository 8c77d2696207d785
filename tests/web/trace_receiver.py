"""A stand-in for LangSmith on the loopback interface: it takes traces, says which formats it can read, and makes links
for feedback.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from tests.cli.processes import Serving, serve
from tests.live import DEADLINE

INFO = {
    "version": "0.13.0",
    "batch_ingest_config": {
        "use_multipart_endpoint": False,
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_limit": 4,
    },
    "instance_flags": {},
}
"""Plain JSON, please: no parts, and no compression."""
Json = dict[str, Any]


class TraceReceiver(ThreadingHTTPServer):
    """Keeps the runs that LangSmith's client posts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.posted: list[Json] = []
        """Each run as it was posted, the inner ones of a graph as well."""
        self.unread: list[str] = []
        """Requests in a format that is not read here."""
        self.tokens: list[Json] = []
        """The links for feedback that were asked for, each with its `url`."""
        self.token_answers: int | bytes | None = None
        """A status, or a body, that is answered instead of links."""
        self.slow = threading.Event()
        """Answers about links wait for it."""
        self.slow.set()

    def traces(self, thread_id: str) -> list[Json]:
        """The posted runs of a thread."""
        return [run for run in list(self.posted) if thread_id in json.dumps(run)]


@contextmanager
def serving_traced(receiver: TraceReceiver, project: str) -> Iterator[Serving]:
    """A server that traces every run, in a process of its own: LangSmith's client reads the environment once."""
    variables: Any = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": receiver.url, "LANGSMITH_API_KEY": "x"}
    with serve("--port", "0", LANGSMITH_PROJECT=project, **variables) as process:
        yield process


class _Handler(BaseHTTPRequestHandler):
    server: TraceReceiver

    def do_GET(self) -> None:
        self._answer(INFO)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/feedback/tokens":
            self._make_tokens(content)
            return
        if self.headers.get("content-encoding") or "json" not in self.headers.get("content-type", ""):
            self.server.unread.append(f"{self.path} {dict(self.headers)}")
        else:
            body = json.loads(content)
            # A batch may have nothing but the ends of runs, as patches.
            self.server.posted += body.get("post", []) if self.path.endswith("/batch") else [body]
        self._answer({})

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer({})

    def _make_tokens(self, content: bytes) -> None:
        self.server.slow.wait(DEADLINE)
        if isinstance(self.server.token_answers, int):
            self._send(self.server.token_answers, b"{}")
            return
        if self.server.token_answers is not None:
            self._send(200, self.server.token_answers)
            return
        made = []
        for asked in json.loads(content):
            token_id = str(uuid4())
            made.append({**asked, "id": token_id, "url": f"{self.server.url}/feedback/tokens/{token_id}"})
        self.server.tokens += made
        answer = [{"id": each["id"], "url": each["url"], "expires_at": "2100-01-01T00:00:00+00:00"} for each in made]
        self._send(200, json.dumps(answer).encode())

    def _answer(self, document: Json) -> None:
        self._send(200, json.dumps(document).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[TraceReceiver]:
    """Take traces until the block is left."""
    with TraceReceiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, name="trace-receiver", daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join(DEADLINE)
