"""A receiver of webhooks on the loopback interface, which behaves as a test says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from tests.live import DEADLINE, until
from tests.web.calls import detail

SECRET = "whsec_dHJlYWRsZS10ZXN0cy1zaWduLXdpdGgtdGhpcw=="
OLD_SECRET = "whsec_" + "b2xk" * 8
HOOKED = Path(__file__).parent.parent / "graphs" / "hooked.json"
"""Graphs of a server that may call this machine."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Received:
    """One POST, as it came."""

    path: str
    headers: dict[str, str]
    content: bytes
    at: float

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str = SECRET) -> Any:
        """The body, if its signature is right: as a receiver's own library sees it."""
        return Webhook(secret).verify(self.content, self.headers)


class HookReceiver(ThreadingHTTPServer):
    """Keeps each POST, and answers 200 or as `answer` says."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.received: list[Received] = []
        self.answer: Callable[[Received], tuple[int, Json]] = lambda received: (200, {})
        """Returns the status and headers for a POST; it may take its time."""

    def of(self, run_id: str) -> list[Received]:
        """The POSTs about a run."""
        return [each for each in list(self.received) if each.body["run_id"] == run_id]

    def first(self, run_id: str, *, within: float = DEADLINE) -> Received:
        """The first POST about a run; waits for it."""
        return until(lambda: self.of(run_id), within=within)[0]


class _Handler(BaseHTTPRequestHandler):
    server: HookReceiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.path, headers, content, time.time())
        self.server.received.append(received)
        status, answer_headers = self.server.answer(received)
        with suppress(OSError):  # a sender that has waited too long has gone
            self.send_response(status)
            for name, value in answer_headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        """The server should send none."""
        self.server.received.append(Received(f"GET {self.path}", {}, b"{}", time.time()))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def receiving(port: int = 0) -> Iterator[HookReceiver]:
    """Receive webhooks until the block is left."""
    with HookReceiver(port) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,), name="hook-receiver", daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join(DEADLINE)


def until_delivery(http: httpx.Client, run_id: str, status: str, attempts: int = 1) -> Any:
    """The run's only delivery, once it has a status and so many attempts."""

    def found() -> Any:
        for delivery in detail(http, run_id)["webhook_deliveries"]:
            if delivery["status"] == status and len(delivery["attempts"]) >= attempts:
                return delivery
        return None

    return until(found)
