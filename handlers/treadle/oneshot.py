"""One run without a server, through the same execution path: what `treadle run` does."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import orjson

import treadle_api.operations as op
from treadle.app import services
from treadle.encoding import decode
from treadle.graphs.config import read_config
from treadle.graphs.loading import Graphs
from treadle.logs import configure_logs
from treadle.runs.request import Caller, new_run
from treadle.runs.views import wait_body
from treadle.settings import Settings
from treadle.web.binding import Contract, judge


async def run_once(config: Path, graph: str, given: bytes, stream_modes: list[str], log_level: str) -> bool:
    """Run `graph` on the JSON in `given` and print its events, or its outcome; whether it succeeded.

    Raises ConfigError or InvalidRequest, naming what is wrong.
    """
    configure_logs(log_level)
    graphs_config = read_config(config)
    graphs_config.enter()
    settings = Settings.from_environment(os.environ, database_uri="memory://", shutdown_grace=0.0)
    async with services(Graphs(graphs_config), settings) as running:
        document: dict[str, Any] = {
            "assistant_id": graph,
            "input": decode(given),
            "stream_mode": stream_modes or ["values"],
        }
        document = judge(Contract.load().validator(op.create_run.body_pointer or ""), document)
        body = op.create_run.load_body(document)
        run = new_run(body, document, running.assistants.find(graph), Caller(received_at=time.time(), size=len(given)))
        follower = await running.runs.create_and_follow(run, 0)
        while not follower.ended:
            for event in await follower.next():
                if stream_modes:
                    print(f"{event.name} {event.data.decode()}", flush=True)
        ended = await running.runs.ended(run, follower)
        if not stream_modes:
            print(orjson.dumps(orjson.loads(wait_body(ended)), option=orjson.OPT_INDENT_2).decode())
        return ended.status == "success"
