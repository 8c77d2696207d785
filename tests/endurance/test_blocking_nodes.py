"""An async node that blocks its event loop holds up neither the server nor, where runs are isolated, other runs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import Serving, serve
from tests.endurance import graphs
from tests.endurance.speaking import ENDURANCE, Speaker, speaking
from tests.live import DEADLINE

pytestmark = pytest.mark.anyio
SIGNS, CHECKS = 5, 100
"""How many signs of life, and how many answers of `/ok`, have to come while a node blocks."""
NODES = {"sleep": graphs.sleep, "compute": graphs.compute}
HOW = pytest.mark.parametrize("how", NODES)


@pytest.fixture(scope="module")
def shared() -> Iterator[Serving]:
    """A server as it is by default, but for the period of its heartbeats."""
    with serve("--port", "0", config=ENDURANCE, HEARTBEAT_SECONDS="0.2") as process:
        yield process


@pytest.fixture(scope="module")
def isolated() -> Iterator[Serving]:
    """A server on which each run has an event loop of its own."""
    with serve("--port", "0", config=ENDURANCE, BG_JOB_ISOLATED_LOOPS="true") as process:
        yield process


@dataclass
class Life:
    """Signs of life in the answer of a run of `telling`."""

    path: str
    sign: bytes
    tale: dict[str, Any]
    signs: int = 0

    async def listen(self, url: str) -> None:
        """Make the run, and count its signs until cancelled."""
        body = {"assistant_id": "telling", "input": {"id": 1, **self.tale}, "stream_mode": "custom"}
        async with speaking(url) as speaker:
            assert (await speaker.ask("POST", self.path, {**body, "on_disconnect": "cancel"})).status == 200
            async for part in speaker.parts():
                self.signs += part.count(self.sign)
        raise AssertionError("the run ended")

    async def signs_come(self) -> None:
        """Return when there have been some more."""
        enough = self.signs + SIGNS
        while self.signs < enough:  # noqa: ASYNC110 - they are counted as they come
            await asyncio.sleep(0.01)


async def block(url: str, how: str, gate: Path) -> None:
    """Wait for a run whose node blocks until the gate is open."""
    async with speaking(url) as speaker:
        body = {"assistant_id": "blocking", "input": {"how": how, "gate": str(gate)}}
        assert (await speaker.json("POST", "/runs/wait", body))["done"]


async def go_on_while_blocked(process: Serving, how: str, gate: Path, *lives: Life) -> None:
    """See that runs show life, `/ok` answers and the log names the place, all while a node blocks."""
    listeners = [asyncio.create_task(life.listen(process.url)) for life in lives]
    try:
        async with asyncio.timeout(DEADLINE), speaking(process.url) as speaker:
            await asyncio.gather(*[life.signs_come() for life in lives])
            blocking = asyncio.create_task(block(process.url, how, gate))
            while not (gate / how).exists():  # noqa: ASYNC110 - another process comes there
                await asyncio.sleep(0.01)
            await asyncio.gather(*[life.signs_come() for life in lives], answers(speaker), is_logged(process, how))
            assert not blocking.done()
            (gate / "open").touch()
            await blocking
    finally:
        (gate / "open").touch()
        for listener in listeners:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener


async def answers(speaker: Speaker) -> None:
    """See that `/ok` is answered."""
    for _ in range(CHECKS):
        assert (await speaker.json("GET", "/ok"))["ok"]


async def is_logged(process: Serving, how: str) -> None:
    """See that the log names the node, and the file and line where it blocks."""
    lines: list[dict[str, Any]] = []
    while not lines:
        await asyncio.sleep(0.05)
        lines = [line for line in process.lines() if line["logger"] == "treadle.graphs" and line.get("node") == how]
    # The node itself, or the function that it asks whether to go on.
    sources = [inspect.getsourcelines(function) for function in (NODES[how], graphs.is_open)]
    for line in lines:
        assert "block" in line["event"]
        assert line["file"] == graphs.__file__
        assert any(first < int(line["line"]) < first + len(source) for source, first in sources)


@HOW
async def test_ok_and_heartbeats_go_on_and_the_log_names_the_place(shared: Serving, how: str, tmp_path: Path) -> None:
    idle = {"steps": 1, "pause": 3600}
    stream, wait = Life("/runs/stream", b": heartbeat\r\n\r\n", idle), Life("/runs/wait", b"\n", idle)
    await go_on_while_blocked(shared, how, tmp_path, stream, wait)


@HOW
async def test_the_events_of_isolated_runs_go_on_as_well(isolated: Serving, how: str, tmp_path: Path) -> None:
    ticking = Life("/runs/stream", b"event: custom\r\n", {"steps": 36_000, "pause": 0.1})
    await go_on_while_blocked(isolated, how, tmp_path, ticking)
