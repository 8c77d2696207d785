"""One run without a server, through the same execution path: what `treadle run` does."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import treadle_api.operations as op
from treadle.app import services
from treadle.encoding import parse
from treadle.graphs.config import read_config
from treadle.graphs.loading import Graphs
from treadle.logs import configure_logs
from treadle.printing import Printing, SignOfLife
from treadle.running import Services
from treadle.runs.creation import CreateRequest
from treadle.runs.request import Caller, RunRequest
from treadle.runs.views import wait_body
from treadle.settings import Settings
from treadle.storage.contract.events import END
from treadle.storage.contract.runs import RunRecord
from treadle.web.binding import Contract, judge


def run_once(
    config: Path, asked: dict[str, Any], stream_modes: Sequence[str], printing: Printing, log_level: str
) -> str | None:
    """Run a graph with the fields `asked` of a create request; print its events in these modes, or else its outcome.

    Returns the error of a failed run, or None. Raises ConfigError or InvalidRequest.
    """
    # Standard output is for what comes of the run: what the graph prints goes where logs go.
    with redirect_stdout(sys.stderr):
        configure_logs(log_level)
        graphs_config = read_config(config)
        graphs_config.enter()
        graphs_config.warn()
        settings = Settings.from_environment(os.environ, database_uri="memory://", shutdown_grace=0.0)
        return asyncio.run(_run(Graphs(graphs_config), settings, asked, stream_modes, printing))


async def _run(
    graphs: Graphs, settings: Settings, asked: dict[str, Any], stream_modes: Sequence[str], printing: Printing
) -> str | None:
    async with services(graphs, settings) as running:
        document = {**asked, "stream_mode": list(stream_modes) or ["values"]}
        try:
            ended = await _follow(running, document, 0 if stream_modes else END, printing)
        except asyncio.CancelledError:  # Ctrl-C
            running.runs.skip_grace()
            raise
        if not stream_modes:
            printing.outcome(wait_body(ended), failed=ended.status != "success")
        return _failure(ended)


async def _follow(running: Services, document: dict[str, Any], after: int, printing: Printing) -> RunRecord:
    """The run at its end; its events from the one after `after` were printed as they came."""
    judge(Contract.load().validator(op.create_run.body_pointer or ""), document)
    asked = RunRequest(op.create_run.load_body(document), document)
    caller = Caller(received_at=time.time())
    followed = await running.creation.follow(CreateRequest(op.create_run.name, document, [asked], caller), after)
    run, follower = followed.run, followed.follower
    life = SignOfLife(f"running {run.graph_id}")
    with closing(printing):
        while not follower.ended:
            with nullcontext() if printing.inside_a_line else life.while_waiting():
                events = await follower.next()
            for event in events:
                printing.event(event.name, event.data)
    return await running.runs.ended(run, follower)


def _failure(ended: RunRecord) -> str | None:
    if ended.status == "success" or ended.outcome is None:
        return None
    told = parse(ended.outcome.error or ended.outcome.cancelled or b"{}")
    return f"the run ended with status {ended.status}: {told.get('error')}: {told.get('message')}"
