"""A resumable stream that is cut loses nothing and repeats nothing: clients come back with its `Last-Event-ID`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.cli.processes import serve
from tests.endurance.cutting_proxy import CuttingProxy, Line, cutting
from tests.endurance.speaking import ENDURANCE, speaking
from tests.live import sse
from treadle_client import AsyncTreadle, Treadle
from treadle_client.events import Event as TypedEvent

pytestmark = pytest.mark.anyio
Event = tuple[str, Any, str | None]
Read = Callable[[str, dict[str, Any]], Awaitable[list[Event]]]
"""Streams a run through the server at a URL, as a client does."""
MODES = ["values", "updates", "custom"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server that sends comments between events."""
    with serve("--port", "0", config=ENDURANCE, HEARTBEAT_SECONDS="0.25") as process:
        yield process.url


@pytest.fixture(scope="module")
def proxy(server: str) -> Iterator[CuttingProxy]:
    """Lines to that server."""
    with cutting(server) as proxy:
        yield proxy


def telling(steps: int, pause: float) -> dict[str, Any]:
    """A run with `steps` events of its own and four others."""
    given = {"id": "\r\n\r\n: é\u2028", "steps": steps, "pause": pause}
    return {"assistant_id": "telling", "input": given, "stream_mode": MODES, "stream_resumable": True}


async def read_async(url: str, run: dict[str, Any]) -> list[Event]:
    """With the asynchronous SDK."""
    async with get_client(url=url) as client:
        return [tuple(part) async for part in client.runs.stream(None, **run)]


def _read_sync(url: str, run: dict[str, Any]) -> list[Event]:
    with get_sync_client(url=url) as client:
        return [tuple(part) for part in client.runs.stream(None, **run)]


async def read_sync(url: str, run: dict[str, Any]) -> list[Event]:
    """With the synchronous SDK, in a thread."""
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, _read_sync, url, run)


def _event(event: TypedEvent) -> Event:
    name = "|".join((event.name, *event.namespace))
    return name, msgspec.to_builtins(event.data), event.id


async def read_own_async(url: str, run: dict[str, Any]) -> list[Event]:
    """With Treadle's own asynchronous client."""
    async with AsyncTreadle(url, heartbeat=1) as client:
        return [_event(event) async for event in client.runs.stream(**run)]


def _read_own(url: str, run: dict[str, Any]) -> list[Event]:
    with Treadle(url, heartbeat=1) as client:
        return [_event(event) for event in client.runs.stream(**run)]


async def read_own(url: str, run: dict[str, Any]) -> list[Event]:
    """With Treadle's own client, in a thread. The run need not be resumable: the client's key makes it so."""
    plain = {name: value for name, value in run.items() if name != "stream_resumable"}
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, _read_own, url, plain)


READS = [read_async, read_sync, read_own_async, read_own]
CLIENTS = pytest.mark.parametrize("read", READS, ids=["async SDK", "sync SDK", "async", "sync"])


async def uncut(url: str, run: dict[str, Any]) -> list[Event]:
    """The events of such a run as they come when nothing breaks."""
    async with speaking(url) as speaker:
        await speaker.ask("POST", "/runs/stream", run)
        return sse(await speaker.rest())


def told(events: list[Event]) -> list[Event]:
    """The events without the id of the run, which is in the first of them and differs from run to run."""
    (name, data, number), *others = events
    return [(name, {**data, "run_id": "…"}, number), *others]


def check(line: Line, events: list[Event], expected: list[Event], resumed_after: list[int]) -> None:
    """The events are those of an uncut run, and the client came back after each of these numbers."""
    assert told(events) == told(expected), resumed_after
    path = f"/runs/{events[0][1]['run_id']}/stream"
    assert line.resumed() == [(path, str(number)) for number in resumed_after]
    assert line.cuts == []


@CLIENTS
async def test_a_stream_cut_after_any_one_event_is_as_if_uncut(server: str, proxy: CuttingProxy, read: Read) -> None:
    """After an early cut, the client reconnects to a live run; after a late cut, the run has ended."""
    run = telling(steps=6, pause=0.3)
    lines = [proxy.line([number]) for number in range(1, 11)]
    expected = await uncut(server, run)
    seen = await asyncio.gather(*[read(line.url, run) for line in lines])
    assert [number for _, _, number in expected] == [str(number) for number in range(1, 11)]
    for number, (line, events) in enumerate(zip(lines, seen, strict=True), start=1):
        check(line, events, expected, [number])


async def test_a_stream_cut_after_every_event_is_as_if_uncut(server: str, proxy: CuttingProxy) -> None:
    run = telling(steps=2, pause=1.5)
    every = [1] * 6
    lines = [proxy.line(every) for _ in READS]
    expected = await uncut(server, run)
    seen = await asyncio.gather(*[read(line.url, run) for read, line in zip(READS, lines, strict=True)])
    assert len(expected) == len(every)
    for line, events in zip(lines, seen, strict=True):
        check(line, events, expected, [1, 2, 3, 4, 5, 6])
