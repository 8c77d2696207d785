"""The server process: a listening socket, uvicorn, and the settings of the interpreter that serve latency."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from treadle import __version__
from treadle.app import services
from treadle.edge import application
from treadle.errors import ConfigError
from treadle.graphs.config import GraphsConfig, read_config
from treadle.graphs.event_loops import loop_factory
from treadle.graphs.loading import Graphs
from treadle.interpreter import tune_interpreter
from treadle.leaving import leave_blocked_threads
from treadle.logs import configure_logs
from treadle.running import Services
from treadle.settings import Settings, unknown_variables
from treadle.web.connections import Server

log = structlog.get_logger("treadle")
# Seconds in which connections may finish when every run has ended or was given back.
LAST_ANSWERS = 5
# Heartbeats after which a client that takes nothing of what there is counts as gone: a minute, as most proxies have it.
PATIENCE = 12
# Bytes that the system takes from a connection ahead of what it sends: with its own megabytes, a slow client looks like
# one that has stopped reading, and one that has stopped costs as much.
UNSENT = 128 * 1024


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket, and whether it had to move from the default port."""

    socket: socket.socket
    host: str
    moved: bool
    shared: bool = False
    """Whether other processes accept connections of it as well."""

    @classmethod
    def bind(cls, host: str, port: int, *, asked: bool) -> Listener:
        """Bind `port`; a default port that is taken gives way to a free one, a port that was asked for does not.

        Raises ConfigError with one line that says what to do.
        """
        try:
            return cls(_bind(host, port), host, moved=False)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and not asked:
                return cls(_bind(host, 0), host, moved=True)
            if error.errno == errno.EADDRINUSE:
                raise ConfigError(
                    f"port {port} on {host} is taken; name another with --port, or 0 for a free one"
                ) from None
            raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}") from None

    @property
    def url(self) -> str:
        """Where clients on this machine reach the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.socket.getsockname()[1]}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        address = ip_address(self.socket.getsockname()[0].partition("%")[0])
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio turns Nagle's algorithm off only then, and a wait would take 40 ms longer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # connections inherit it
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    listening.set_inheritable(True)
    return listening


def serve_forever(
    config: Path,
    listener: Listener,
    overrides: dict[str, Any],
    log_level: str,
    ready: Callable[[], None] | None = None,
) -> None:
    """Serve until a signal ends it. Raises ConfigError before anything is served.

    `ready` is called when requests are answered, instead of an announcement.
    """
    configure_logs(log_level)
    graphs_config = read_config(config)
    graphs_config.enter()
    if ready is None:  # otherwise the parent of the processes has said it
        warn_of(graphs_config)
    settings = Settings.from_environment(os.environ, **overrides)
    os.environ.setdefault("LANGGRAPH_API_URL", listener.url)  # where modules and nodes find this server
    graphs = Graphs(graphs_config)
    tune_interpreter()
    announce = ready or partial(_announce, graphs, settings, listener)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(graphs, settings, listener, announce))
    leave_blocked_threads(0)


def warn_of(config: GraphsConfig) -> None:
    """Log the parts of the configuration that have no effect."""
    config.warn()
    if unknown := unknown_variables(os.environ):
        log.warning("there are no such settings; see docs/settings.md", variables=unknown)


async def _serve(graphs: Graphs, settings: Settings, listener: Listener, announce: Callable[[], None]) -> None:
    async with services(graphs, settings, api_url=listener.url) as running:
        if settings.role == "worker":
            listener.socket.close()
            announce()
            await _until_signalled(running)
            return
        patience = PATIENCE * settings.heartbeat
        server = Server(application(running), patience=patience, last_answers=LAST_ANSWERS, shares_port=listener.shared)
        _stop_on_signals(server, running)
        announce()
        await server.serve(sockets=[listener.socket])


def _stop_on_signals(server: uvicorn.Server, running: Services) -> None:
    """Handle signals: the first SIGINT or SIGTERM begins the grace period of the runs, the second one ends it.

    In the grace period the server answers requests and refuses new runs: a load balancer learns it from `/ok`.
    """
    loop = asyncio.get_running_loop()
    draining: list[asyncio.Task[None]] = []

    async def drain() -> None:
        await running.drain()
        server.should_exit = True

    def stop() -> None:
        running.runs.close()
        if not draining:
            draining.append(loop.create_task(drain()))
            return
        # Connections first: clients must see a break, and not the end of a run that was cut off.
        for task in list(server.server_state.tasks):
            task.cancel()
        running.runs.skip_grace()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


async def _until_signalled(running: Services) -> None:
    """Run a worker without HTTP until a signal. A second signal skips the grace period."""
    loop, first = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        if first.is_set():
            running.runs.skip_grace()
        running.runs.close()
        first.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await first.wait()


def _announce(graphs: Graphs, settings: Settings, listener: Listener) -> None:
    announce_processes(graphs.config, settings, listener, 1)


def announce_processes(config: GraphsConfig, settings: Settings, listener: Listener, workers: int) -> None:
    """Log the graphs and the address: as text on a terminal, otherwise as one JSON object."""
    graph_ids, users = list(config.graphs), config.auth.path
    store = None if settings.store_can_be_shared else "runs end with this process"
    url = None if settings.role == "worker" else listener.url
    port = "the default port is taken" if listener.moved and url is not None else None
    if url is not None and not (settings.needs_key or users) and not listener.is_local:
        log.warning(
            "whoever reaches this address may use the server; set TREADLE_API_KEYS or TREADLE_API_KEYS_FILE",
            host=listener.host,
        )
    if not sys.stderr.isatty():
        notes = [note for note in (store, port) if note]
        log.info(
            "serving",
            url=url,
            graphs=graph_ids,
            store=settings.store_shown,
            workers=workers,
            keys=settings.callers,
            auth=users,
            encryption=config.encryption.path,
            webhooks="signed" if settings.webhook_secret else "not signed",
            notes=notes,
            version=__version__,
        )
        return
    lines = [
        f"Treadle {__version__}" + (f", {workers} processes" if workers > 1 else ""),
        f"  graphs  {', '.join(graph_ids)}",
        f"  store   {settings.store_shown}" + (f" ({store})" if store else ""),
        *([f"  vault   {config.encryption.path}"] if config.encryption.path else []),
    ]
    if url is not None:
        anybody = "none" if users else "none: whoever reaches the server may use it"
        keys = ", ".join(settings.callers) or anybody
        lines += [
            f"  keys    {keys}",
            *([f"  users   {users}"] if users else []),
            f"  runs    {url}/runs/wait" + (f" ({port})" if port else ""),
            f"  docs    {url}/docs",
            f"  spec    {url}/openapi.json",
        ]
    print("\n".join(lines), file=sys.stderr, flush=True)
