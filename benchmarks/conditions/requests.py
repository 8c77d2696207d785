"""Requests one after the other."""

from __future__ import annotations

from time import monotonic

from tests.endurance.speaking import speaking


async def took(url: str, method: str, path: str, body: object, *, count: int = 200) -> list[float]:
    """Seconds that each of `count` requests took, on one connection."""
    durations = []
    async with speaking(url) as speaker:
        for _ in range(count):
            start = monotonic()
            await speaker.json(method, path, body)
            durations.append(monotonic() - start)
    return durations
