"""A real server on a free port of the loopback interface, in a thread of the test process."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from treadle.app import services
from treadle.edge import application
from treadle.graphs.config import read_config
from treadle.graphs.loading import Graphs
from treadle.outbox.resolving import Resolve
from treadle.running import Services
from treadle.server import PATIENCE, Listener
from treadle.settings import Settings
from treadle.web.connections import Server

GRAPHS = Path(__file__).parent / "graphs" / "langgraph.json"
EXAMPLES = Path(__file__).parent.parent / "examples" / "langgraph.json"
T = TypeVar("T")

DEADLINE = 300.0
"""Seconds that a test waits for what has to come. Only a failure takes so long, however busy the machine is."""
STORE = os.environ.get("TEST_STORE", "sqlite")
"""The store that servers under test have, unless a test names another one: `sqlite` or `memory`."""


class LiveServer:
    """Where a server listens, and its parts for a look inside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.services: Services
        self.connections: Collection[Any] = ()
        """Those of clients, as uvicorn has them."""

    def __repr__(self) -> str:
        return f"<LiveServer {self.url}>"

    def client(self, **options: Any) -> httpx.Client:
        """A plain HTTP client of this server, which waits for answers until the deadline."""
        return httpx.Client(**{"base_url": self.url, "timeout": DEADLINE, **options})


@contextmanager
def serving(
    config: Path = GRAPHS,
    *,
    resolve: Resolve | None = None,
    clock: Callable[[], float] = time.time,
    **settings: Any,
) -> Iterator[LiveServer]:
    """Serve the graphs of `config` over uvicorn until the block is left; `resolve` stands in for name servers."""
    graphs_config = read_config(config)
    graphs_config.enter()
    graphs = Graphs(graphs_config)
    listener = Listener.bind("127.0.0.1", 0, asked=True)
    live = LiveServer(listener.url)
    ready = threading.Event()
    stop: list[Server] = []

    folder = tempfile.TemporaryDirectory()

    async def main() -> None:
        uri = f"sqlite:///{folder.name}/runs.db" if STORE == "sqlite" else "memory://"
        configured = Settings(**{"shutdown_grace": 1.0, "database_uri": uri, **settings})
        async with services(graphs, configured, api_url=listener.url, resolve=resolve, clock=clock) as running:
            live.services = running
            server = Server(application(running), patience=PATIENCE * configured.heartbeat, last_answers=1)
            stop.append(server)
            live.connections = server.server_state.connections
            ready.set()
            await server.serve(sockets=[listener.socket])

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="live-server", daemon=True)
    thread.start()
    assert ready.wait(DEADLINE), "the server did not start"
    try:
        yield live
    finally:
        stop[0].should_exit = True
        thread.join(DEADLINE)
        listener.socket.close()
        folder.cleanup()
        assert not thread.is_alive(), "the server did not stop"


def sse(content: bytes) -> list[tuple[str, Any, str | None]]:
    """Parse a whole stream strictly: (event, data, id) of each event; comments are skipped."""
    assert b"\n" not in content.replace(b"\r\n", b""), "a line does not end with CRLF"
    blocks = content.decode().split("\r\n\r\n")
    assert blocks.pop() == "", "the stream ends inside an event"
    return [_event(block) for block in blocks if not block.startswith(":")]


def _event(block: str) -> tuple[str, Any, str | None]:
    fields = dict(line.split(": ", 1) for line in block.split("\r\n"))
    assert list(fields) in (["event", "data"], ["event", "data", "id"]), block
    return fields["event"], json.loads(fields["data"]), fields.get("id")


def until(condition: Callable[[], T | None], *, within: float = DEADLINE) -> T:
    """The first true value of `condition`, asked anew every few milliseconds for `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within} seconds"
        time.sleep(0.005)
    return value
