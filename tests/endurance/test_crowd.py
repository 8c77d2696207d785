"""A hundred clients at once: nobody waits for another, and everybody gets their own."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import pytest

from tests.cli.processes import serve
from tests.endurance.speaking import ENDURANCE, speaking
from tests.live import sse

pytestmark = pytest.mark.anyio
EACH = 50
STEPS, PAUSE = 4, 0.5
MODES = ["values", "custom"]


def request(name: str) -> dict[str, Any]:
    """A run that takes two seconds and tells of `name` meanwhile."""
    given = {"id": name, "steps": STEPS, "pause": PAUSE}
    return {"assistant_id": "telling", "input": given, "stream_mode": MODES}


async def wait(url: str, name: str) -> Any:
    """The outcome of a run."""
    async with speaking(url) as speaker:
        return await speaker.json("POST", "/runs/wait", request(name))


async def stream(url: str, name: str) -> tuple[str, bytes]:
    """A run's id and the bytes of its events."""
    async with speaking(url) as speaker:
        head = await speaker.ask("POST", "/runs/stream", request(name))
        assert head.status == 200
        return head.run_id, await speaker.rest()


async def crowd(url: str) -> tuple[float, list[Any], list[tuple[str, bytes]]]:
    """All of them, started together: the seconds until the last answer, the waits', the streams'."""
    start = monotonic()
    waits = asyncio.gather(*[wait(url, f"wait-{number}") for number in range(EACH)])
    streams = asyncio.gather(*[stream(url, f"stream-{number}") for number in range(EACH)])
    outcomes, events = await waits, await streams
    return monotonic() - start, outcomes, events


async def test_fifty_streams_and_fifty_waits_of_two_seconds_take_two_seconds_together() -> None:
    with serve("--port", "0", config=ENDURANCE) as process:
        took, outcomes, streams = await crowd(process.url)
    for number, outcome in enumerate(outcomes):
        name = f"wait-{number}"
        assert outcome == {**request(name)["input"], "done": name}
    for number, (run_id, content) in enumerate(streams):
        name = f"stream-{number}"
        given = request(name)["input"]
        assert [(event, data) for event, data, _ in sse(content)] == [
            ("metadata", {"run_id": run_id, "attempt": 1}),
            ("values", given),
            *[("custom", {"id": name, "step": step}) for step in range(STEPS)],
            ("values", {**given, "done": name}),
        ], name
    assert took < 2.6
