"""A hundred clients at once: none waits for another, and each gets its own outcome or events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import serve
from tests.endurance.speaking import ENDURANCE, speaking
from tests.live import DEADLINE, sse

pytestmark = pytest.mark.anyio
EACH = 50
STEPS = 4
MODES = ["values", "custom"]


def request(name: str, gate: Path) -> dict[str, Any]:
    """A run that tells of `name`, and ends when the gate is open."""
    given = {"id": name, "steps": STEPS, "pause": 0.05, "gate": str(gate)}
    return {"assistant_id": "telling", "input": given, "stream_mode": MODES}


async def wait(url: str, body: dict[str, Any]) -> Any:
    """The outcome of a run."""
    async with speaking(url) as speaker:
        return await speaker.json("POST", "/runs/wait", body)


async def stream(url: str, body: dict[str, Any]) -> tuple[str, bytes]:
    """A run's id and the bytes of its events."""
    async with speaking(url) as speaker:
        head = await speaker.ask("POST", "/runs/stream", body)
        assert head.status == 200
        return head.run_id, await speaker.rest()


def arrived(gate: Path) -> int:
    """How many runs wait at a gate."""
    return len(list(gate.iterdir()))


async def crowd(url: str, gate: Path) -> tuple[list[Any], list[tuple[str, bytes]]]:
    """The answers to the waits and the streams; the gate opens when all of their runs have arrived there."""
    waits = asyncio.gather(*[wait(url, request(f"wait-{number}", gate)) for number in range(EACH)])
    streams = asyncio.gather(*[stream(url, request(f"stream-{number}", gate)) for number in range(EACH)])
    async with asyncio.timeout(DEADLINE):
        while arrived(gate) < 2 * EACH:  # noqa: ASYNC110 - another process comes there
            await asyncio.sleep(0.05)
    (gate / "open").touch()
    return await waits, await streams


async def test_fifty_streams_and_fifty_waits_run_at_once(tmp_path: Path) -> None:
    with serve("--port", "0", config=ENDURANCE) as process:
        outcomes, streams = await crowd(process.url, tmp_path)
    for number, outcome in enumerate(outcomes):
        name = f"wait-{number}"
        assert outcome == {**request(name, tmp_path)["input"], "done": name}
    for number, (run_id, content) in enumerate(streams):
        name = f"stream-{number}"
        given = request(name, tmp_path)["input"]
        assert [(event, data) for event, data, _ in sse(content)] == [
            ("metadata", {"run_id": run_id, "attempt": 1}),
            ("values", given),
            *[("custom", {"id": name, "step": step}) for step in range(STEPS)],
            ("values", {**given, "done": name}),
        ], name
