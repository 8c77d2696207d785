"""How late events of two processes reach the clients of a third one, which executes nothing."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack

from benchmarks.bench import Bench
from benchmarks.distributed.databases import STORES, a_place
from benchmarks.distributed.processes import schema_of
from benchmarks.servers import treadle
from benchmarks.subjects import FAN_OUT
from tests.durability.place import GRAPHS
from tests.endurance.speaking import speaking

STREAMS = 100
SECONDS = 5
RATES = (200, 1000, 2000, 5000)
"""Events a second of all streams together."""


def measure(bench: Bench) -> None:
    """The stores take turns within each round."""
    for rate in RATES:
        for number in range(bench.rounds):
            for store in STORES:
                bench.say(f"{store}, {rate} events a second, round {number + 1} of {bench.rounds}")
                with a_place(store, bench.folder) as address:
                    bench.durations(FAN_OUT, store, _late(store, address, rate), rate)


def _late(store: str, address: str, rate: int) -> list[float]:
    uri, env = address.partition("#")[0], schema_of(address)
    with (
        treadle(store, uri=uri, config=GRAPHS, **env),
        treadle(store, uri=uri, config=GRAPHS, **env),
        treadle(store, "--role", "api", uri=uri, config=GRAPHS, **env) as api,
    ):
        return asyncio.run(_all(api.url, rate))


async def _all(url: str, rate: int) -> list[float]:
    """The seconds by which each event is late."""
    pause = STREAMS / rate
    steps = round(SECONDS / pause)
    async with AsyncExitStack() as stack:
        streams = [asyncio.ensure_future(_one(url, steps, pause)) for _ in range(STREAMS)]
        stack.callback(lambda: [stream.cancel() for stream in streams])
        found = [late for stream in streams for late in await stream]
    assert len(found) == STREAMS * steps
    return found


async def _one(url: str, steps: int, pause: float) -> list[float]:
    late: list[float] = []
    given = {"assistant_id": "clock", "input": {"steps": steps, "pause": pause}, "stream_mode": "custom"}
    async with speaking(url) as http:
        head = await http.ask("POST", "/runs/stream", given)
        assert head.status == 200
        async for part in http.parts():
            now = time.time()
            lines = part.split(b"\r\n")
            late += [now - json.loads(line[6:])["at"] for line in lines if line.startswith(b'data: {"at"')]
    return late
