"""`python -m benchmarks.within ROUNDS`: what a short run costs, layer by layer, in one process and without sockets.

Each layer has its turn in each round. It prints one figure a line: whose it is, the thread, and microseconds of the
thread's CPU time per run.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp

from benchmarks.floor import ROUTES
from benchmarks.graphs import GRAPHS, SMALL
from benchmarks.servers import CONFIG
from benchmarks.subjects import AS_CALLED, GRAPH_ALONE, GRAPHS_THREAD, LAYERS, SERVER, WRITER
from treadle.app import services
from treadle.edge import application
from treadle.execution.config import run_config
from treadle.graphs.config import read_config
from treadle.graphs.event_loops import loop_factory
from treadle.graphs.loading import Graphs
from treadle.interpreter import tune_interpreter
from treadle.logs import configure_logs
from treadle.running import Services
from treadle.settings import Settings

AT_ONCE, RUNS = 16, 400
"""Runs at once, and in a turn."""
THREADS = {"treadle-graphs": GRAPHS_THREAD, "treadle-writer": WRITER}
"""How the names of threads begin -> how a figure names them. Others belong to the server."""
Run = Callable[[], Awaitable[object]]


def main() -> None:
    """Measure so many rounds, after one to warm up."""
    configure_logs("info", pretty=False)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_measure(int(sys.argv[1])))


async def _measure(rounds: int) -> None:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="treadle-bench-"))
        graphs = Graphs(read_config(CONFIG))
        uris = {"memory": "memory://", "SQLite": f"sqlite:///{folder}/runs.db"}
        served = {name: await stack.enter_async_context(_service(graphs, uri)) for name, uri in uris.items()}
        layers = {
            GRAPH_ALONE: lambda: GRAPHS["simple"].ainvoke(SMALL["input"]),
            AS_CALLED: await _as_called(served["memory"]),
            "floor": _through(Starlette(routes=ROUTES)),
            **{name: _through(application(each)) for name, each in served.items()},
        }
        tune_interpreter()
        for number in range(rounds + 1):
            for layer, run in layers.items():
                for thread, seconds in (await _turn(run)).items():
                    if number and thread in LAYERS[layer]:
                        print(json.dumps([layer, thread, seconds / RUNS * 1e6]), flush=True)


def _service(graphs: Graphs, uri: str) -> Any:
    return services(graphs, Settings(database_uri=uri))


async def _as_called(served: Services) -> Run:
    """The graph alone, with the config and the modes with which the server calls it for a run of this request."""
    run = await _created(served)
    graph = GRAPHS["simple"]

    async def stream() -> None:
        config = run_config(run, served.deployment)
        async for _ in graph.astream(
            run.kwargs.input, config, stream_mode=["values"], output_keys=graph.output_channels
        ):
            pass

    return stream


async def _created(served: Services) -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application(served)), base_url="http://here") as http:
        answer = await http.post("/runs", json={**SMALL, "on_completion": "keep"})
    run = await served.storage.runs.get(answer.json()["run_id"])
    assert run is not None, answer.text
    return run


def _through(app: ASGIApp) -> Run:
    """A wait, from the request to the last byte, as the server's HTTP parser hands it over."""
    body = json.dumps(SMALL).encode()
    headers = [(b"host", b"here"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
    }
    scope |= {"path": "/runs/wait", "raw_path": b"/runs/wait", "root_path": "", "query_string": b""}
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}

    async def wait() -> None:
        statuses = []
        received = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not received:  # the client stays: whoever listens for its end waits
                await asyncio.Event().wait()
            return received.pop()

        async def send(message: Any) -> None:
            statuses.append(message.get("status"))

        await app({**scope, "state": {}}, receive, send)
        assert statuses[0] == 200, "the run was refused"

    return wait


async def _turn(run: Run) -> dict[str, float]:
    """Seconds of CPU time, by thread."""

    async def some() -> None:
        for _ in range(RUNS // AT_ONCE):
            await run()

    before = _cpu()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return {name: seconds - before.get(name, 0.0) for name, seconds in _cpu().items()}


def _cpu() -> dict[str, float]:
    found: dict[str, float] = {}
    for thread in threading.enumerate():
        if thread.ident is not None:
            name = next((name for start, name in THREADS.items() if thread.name.startswith(start)), SERVER)
            used = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
            found[name] = found.get(name, 0.0) + used
    return found


if __name__ == "__main__":
    main()
