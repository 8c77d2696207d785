"""An async node that blocks its event loop holds up neither the server nor, where runs are isolated, other runs."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from tests.cli.processes import Serving, serve
from tests.endurance import graphs
from tests.endurance.speaking import ENDURANCE, speaking

pytestmark = pytest.mark.anyio
SECONDS = 5.0
HEARTBEAT = 0.2
TICK = 0.1
SAMPLE = 0.005
"""Seconds between two requests for `/ok`."""
NODES = {"sleep": graphs.sleep, "compute": graphs.compute}
OK_LIMITS = {"sleep": 0.05, "compute": 0.25}
"""Seconds that 99 of 100 requests for `/ok` stay under."""
HOW = pytest.mark.parametrize("how", NODES)


@pytest.fixture(scope="module")
def shared() -> Iterator[Serving]:
    """A server as it is by default, but for the period of its heartbeats."""
    with serve("--port", "0", config=ENDURANCE, HEARTBEAT_SECONDS=str(HEARTBEAT)) as process:
        yield process


@pytest.fixture(scope="module")
def isolated() -> Iterator[Serving]:
    """A server on which each run has an event loop of its own."""
    with serve("--port", "0", config=ENDURANCE, BG_JOB_ISOLATED_LOOPS="true") as process:
        yield process


@dataclass
class Life:
    """Signs of life in the answer of a run of `telling`, and when they came."""

    path: str
    sign: bytes
    tale: dict[str, Any]
    times: list[float] = field(default_factory=list)

    async def listen(self, url: str) -> None:
        """Make the run, and note each sign until cancelled."""
        body = {"assistant_id": "telling", "input": {"id": 1, **self.tale}, "stream_mode": "custom"}
        async with speaking(url) as speaker:
            assert (await speaker.ask("POST", self.path, {**body, "on_disconnect": "cancel"})).status == 200
            async for part in speaker.parts():
                self.times.extend([monotonic()] * part.count(self.sign))
        raise AssertionError("the run ended")

    def longest_gap(self, start: float, end: float) -> float:
        """The longest time without a sign between two moments."""
        times = [start, *[time for time in self.times if start < time < end], end]
        return max(later - earlier for earlier, later in pairwise(times))


async def block(url: str, how: str) -> None:
    """Wait for a run whose node blocks."""
    async with speaking(url) as speaker:
        body = {"assistant_id": "blocking", "input": {"how": how, "seconds": SECONDS}}
        assert (await speaker.json("POST", "/runs/wait", body))["done"]


async def ok_while(task: asyncio.Task[None], url: str) -> list[float]:
    """How long `/ok` takes, again and again on one connection until `task` is done; sorted."""
    took = []
    async with speaking(url) as speaker:
        while not task.done():
            start = monotonic()
            assert (await speaker.json("GET", "/ok"))["ok"]
            took.append(monotonic() - start)
            await asyncio.sleep(SAMPLE)
    return sorted(took)


async def observe(url: str, how: str, *lives: Life) -> tuple[list[float], list[float]]:
    """While a run blocks, after the others have shown life: how long `/ok` takes, and the others' longest gaps."""
    listeners = [asyncio.create_task(life.listen(url)) for life in lives]
    while not all(life.times for life in lives):
        assert not any(listener.done() for listener in listeners), listeners
        await asyncio.sleep(SAMPLE)
    start = monotonic()
    blocking = asyncio.create_task(block(url, how))
    took = await ok_while(blocking, url)
    await blocking
    end = monotonic()
    for listener in listeners:
        listener.cancel()
    await asyncio.wait(listeners)
    return took, [life.longest_gap(start, end) for life in lives]


def check_ok(took: list[float], how: str) -> None:
    """`/ok` was answered in time, all the while."""
    assert len(took) > 200
    assert took[len(took) * 99 // 100] < OK_LIMITS[how]


def check_log(process: Serving, how: str) -> None:
    """The log names the node, and the file and line where it blocks."""
    lines = [line for line in process.lines() if line["logger"] == "treadle.graphs" and line.get("node") == how]
    assert lines, json.dumps(process.lines())
    source, first = inspect.getsourcelines(NODES[how])
    for line in lines:
        assert "block" in line["event"]
        assert line["file"] == graphs.__file__
        assert first < int(line["line"]) < first + len(source)


@HOW
async def test_ok_and_heartbeats_go_on_and_the_log_names_the_place(shared: Serving, how: str) -> None:
    idle = {"steps": 1, "pause": 60}
    stream, wait = Life("/runs/stream", b": heartbeat\r\n\r\n", idle), Life("/runs/wait", b"\n", idle)
    took, gaps = await observe(shared.url, how, stream, wait)
    check_ok(took, how)
    assert max(gaps) < 3 * HEARTBEAT
    check_log(shared, how)


@HOW
async def test_the_events_of_isolated_runs_go_on_as_well(isolated: Serving, how: str) -> None:
    ticking = Life("/runs/stream", b"event: custom\r\n", {"steps": 1000, "pause": TICK})
    took, [gap] = await observe(isolated.url, how, ticking)
    check_ok(took, how)
    assert gap < 0.5
    check_log(isolated, how)
