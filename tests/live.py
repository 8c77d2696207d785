"""A real server on a free port of the loopback interface, in a thread of the test process."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
import pytest
from starlette.types import ASGIApp

from tests.databases import MISSING, NO_VECTORS, POSTGRES, a_schema, has_vectors
from tests.judging import Judged
from treadle.app import services
from treadle.edge import application
from treadle.graphs.config import read_config
from treadle.graphs.loading import Graphs
from treadle.outbox.resolving import Resolve
from treadle.running import Services
from treadle.server import PATIENCE, Listener
from treadle.settings import Settings
from treadle.web.connections import Server
from treadle.web.proxies import fixed_prefix
from treadle.web.publishing import published

GRAPHS = Path(__file__).parent / "graphs" / "langgraph.json"
EXAMPLES = Path(__file__).parent.parent / "examples" / "langgraph.json"
T = TypeVar("T")

DEADLINE = 300.0
"""Seconds that a test waits for what has to come. Only a failure takes so long, however busy the machine is."""
STORE = os.environ.get("TEST_STORE", "sqlite")
"""The store that servers under test have, unless a test names another one: `sqlite`, `memory` or `postgresql`."""


@contextmanager
def a_store(kind: str = STORE) -> Iterator[dict[str, Any]]:
    """The settings for a store of this kind that has nothing in it."""
    if kind == "postgresql":
        if POSTGRES is None:
            pytest.skip(MISSING)
        with a_schema() as schema:
            yield {"database_uri": POSTGRES, "database_schema": schema, "database_connections": 4}
    elif kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield {"database_uri": f"sqlite:///{folder}/runs.db"}
    else:
        yield {"database_uri": "memory://"}


class LiveServer:
    """Where a server listens, and its parts for a look inside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.services: Services
        self.connections: Collection[Any] = ()
        """Those of clients, as uvicorn has them."""
        self.loop: asyncio.AbstractEventLoop

    def __repr__(self) -> str:
        return f"<LiveServer {self.url}>"

    def on_its_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` where the connections of its store are at home."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE)

    def client(self, **options: Any) -> httpx.Client:
        """A plain HTTP client of this server, which waits for answers until the deadline."""
        return httpx.Client(**{"base_url": self.url, "timeout": DEADLINE, **options})


@contextmanager
def serving(
    config: Path = GRAPHS,
    *,
    resolve: Resolve | None = None,
    clock: Callable[[], float] | None = None,
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    **settings: Any,
) -> Iterator[LiveServer]:
    """Serve the graphs of `config` over uvicorn until the block is left; `resolve` stands in for name servers.

    `around` puts an application of a test's own around that of the server.
    """
    graphs_config = read_config(config)
    if STORE == "postgresql" and graphs_config.store.embed is not None and not has_vectors():
        pytest.skip(NO_VECTORS)
    graphs_config.enter()
    graphs = Graphs(graphs_config)
    listener = Listener.bind("127.0.0.1", 0, asked=True)
    live = LiveServer(listener.url)
    ready = threading.Event()
    stop: list[Server] = []

    opened = ExitStack()
    store = opened.enter_context(a_store())

    async def main() -> None:
        configured = Settings(**{"shutdown_grace": 1.0, **store, **settings})
        async with services(graphs, configured, api_url=listener.url, resolve=resolve, clock=clock) as running:
            live.services = running
            live.loop = asyncio.get_running_loop()
            served = around(judged(running))
            server = Server(served, patience=PATIENCE * configured.heartbeat, last_answers=1)
            stop.append(server)
            live.connections = server.server_state.connections
            ready.set()
            await server.serve(sockets=[listener.socket])

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="live-server", daemon=True)
    thread.start()
    while not ready.wait(0.1):
        assert thread.is_alive(), "the server did not start"
    try:
        yield live
    finally:
        stop[0].should_exit = True
        thread.join(DEADLINE)
        listener.socket.close()
        opened.close()
        assert not thread.is_alive(), "the server did not stop"


def judged(running: Services) -> ASGIApp:
    """The application, of which every answer is judged by the document that it publishes.

    An application of the author's own has routes that come before those of the document: with it, none is judged.
    """
    documents: list[dict[str, Any]] = []

    def noting(*given: Any, **named: Any) -> dict[str, Any]:
        documents.append(published(*given, **named))
        return documents[-1]

    with patch("treadle.edge.published", noting):
        app = application(running)
    settings = running.settings
    prefix = fixed_prefix(settings.root_path, settings.public_url, running.graphs.config.http.mount_prefix)
    own_refusals = running.guard is not None or running.contexts is not None
    return Judged(app, documents[-1], prefix=prefix or "", own_refusals=own_refusals) if running.custom is None else app


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
