"""`python -m benchmarks.floor [PROCESSES]`: a bare Starlette application around a graph, which Treadle is measured
against. Several processes share nothing but their port.

It has Treadle's settings of the garbage collector, its event loop and its HTTP parser. It knows no contract, and keeps
no record of a run.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.graphs import GRAPHS
from treadle.graphs.event_loops import loop_factory
from treadle.interpreter import tune_interpreter


async def wait(request: Request) -> Response:
    """Run the graph, and answer with its values."""
    body = await request.json()
    return JSONResponse(await GRAPHS[body["assistant_id"]].ainvoke(body["input"]))


async def stream(request: Request) -> Response:
    """Run the graph, and send each of its chunks as an event."""
    body: dict[str, Any] = await request.json()

    async def events() -> AsyncIterator[str]:
        mode = body["stream_mode"]
        async for chunk in GRAPHS[body["assistant_id"]].astream(body["input"], stream_mode=mode):
            yield f"event: {mode}\ndata: {json.dumps(chunk)}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def ok(request: Request) -> Response:
    """Show that the event loop is free."""
    return JSONResponse({"ok": True})


ROUTES = [
    Route("/runs/wait", wait, methods=["POST"]),
    Route("/runs/stream", stream, methods=["POST"]),
    Route("/ok", ok),
]


def _share(processes: int) -> None:
    """Start the other processes. They end with this one: they wait for the end of a pipe that it alone holds open."""
    end, held = os.pipe()
    for _ in range(processes - 1):
        if not os.fork():
            os.close(held)
            Thread(target=_end_with, args=(end,), daemon=True).start()
            return


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)  # nothing is ever written
    os._exit(0)


def main() -> None:
    """Serve on a free port, after printing the URL."""
    app = Starlette(routes=ROUTES)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        _share(int(sys.argv[1]) if sys.argv[1:] else 1)
        tune_interpreter()
        config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_level="error")
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(uvicorn.Server(config).serve([listener]))


if __name__ == "__main__":
    main()
