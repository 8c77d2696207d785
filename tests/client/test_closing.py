"""Streams that are closed, left or interrupted before their end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.client.both import KINDS, client_of
from tests.live import DEADLINE, LiveServer, serving, until
from treadle_client import AsyncTreadle, Treadle, TreadleError

EITHER = pytest.mark.parametrize("kind", KINDS)
LONG: dict[str, Any] = {"assistant_id": "slow", "input": {"seconds": DEADLINE}, "on_disconnect": "cancel"}
CLOSED = "the stream is closed, and was not read to its end"


@pytest.fixture(scope="module")
def beating() -> Iterator[LiveServer]:
    """A server with ten heartbeats a second."""
    with serving(heartbeat=0.1) as live:
        yield live


@EITHER
def test_another_thread_or_task_may_close_it_while_it_is_read(beating: LiveServer, kind: str) -> None:
    with client_of(kind, beating.url) as client, ThreadPoolExecutor(1) as pool, client.runs.stream(**LONG) as stream:
        assert next(iter(stream)).name == "metadata"
        reading = pool.submit(list, stream)
        until(reading.running)
        stream.close()
        with pytest.raises(TreadleError, match=CLOSED):
            reading.result(DEADLINE)
        until(lambda: client.runs.get(str(stream.run_id)).status == "interrupted")


@EITHER
def test_closing_it_is_not_the_end_of_the_run(beating: LiveServer, kind: str) -> None:
    with client_of(kind, beating.url) as client:
        stream = client.runs.stream(**LONG)
        with pytest.raises(TreadleError, match=CLOSED):
            for _ in stream:
                stream.close()
        with pytest.raises(TreadleError, match=CLOSED), stream:
            pass


def left_open(url: str) -> None:
    """Forget a stream after its first event; another one is read to its end, and needs no closing."""
    with Treadle(url) as client:
        client.runs.stream("simple", input={"foo": 1}).output()
        stream = client.runs.stream(**LONG)
        assert next(iter(stream)).name == "metadata"
        del stream
        gc.collect()


async def left_open_async(url: str) -> None:
    """The same with coroutines."""
    async with AsyncTreadle(url) as client:
        await client.runs.stream("simple", input={"foo": 1}).output()
        stream = client.runs.stream(**LONG)
        assert (await anext(aiter(stream))).name == "metadata"
        del stream
        gc.collect()


@EITHER
def test_one_that_is_left_open_is_named_by_a_warning(beating: LiveServer, kind: str) -> None:
    with pytest.warns(ResourceWarning, match="last_event_id=1> was not closed") as warned:
        if kind == "sync":
            left_open(beating.url)
        else:
            asyncio.run(left_open_async(beating.url))
    assert [str(each.message)[:10] for each in warned if "was not closed" in str(each.message)] == [
        "<Stream ru" if kind == "sync" else "<AsyncStre"
    ]


async def interrupted(url: str) -> None:
    """Read with a limit, and then once more."""
    async with AsyncTreadle(url) as client, client.runs.stream(**LONG) as stream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await stream.output()
        await stream.output()


def test_a_reading_that_was_interrupted_is_no_end(beating: LiveServer) -> None:
    with pytest.raises(TreadleError, match=CLOSED):
        asyncio.run(interrupted(beating.url))
