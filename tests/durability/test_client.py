"""Treadle's own client, while its server is killed and started again."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.durability.faulty_proxy import DAY, faulty
from tests.durability.place import Member, Place
from tests.live import until
from treadle_client import AsyncTreadle, events
from treadle_client.calls import run_id_of

pytestmark = pytest.mark.anyio
LEASE = {"LEASE_SECONDS": "2", "BG_JOB_MAX_RETRIES": "50"}


def reachable(member: Member) -> bool:
    """Whether the server answers."""
    with suppress(httpx.TransportError):
        return httpx.get(f"{member.url}/ok").status_code == 200
    return False


async def started(member: Member) -> None:
    """Start the server, and wait until it answers."""
    member.start()
    await asyncio.to_thread(until, lambda: reachable(member))


async def killed_again_and_again(member: Member, times: int) -> None:
    """`kill -9` while the client is at work, and a new start."""
    for _ in range(times):
        await asyncio.sleep(random.uniform(0.3, 1.0))
        await asyncio.to_thread(member.kill)
        await started(member)


async def test_a_stream_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    member = Member(place, 1, **LEASE)
    await started(member)
    try:
        run = place.tale(steps=8, pause=0.2)
        async with AsyncTreadle(member.url) as client:
            async with client.runs.stream(**run) as stream:
                seen = [await anext(aiter(stream))]
                await asyncio.to_thread(member.kill)
                restart = asyncio.create_task(started(member))
                seen += [event async for event in stream]
                await restart
            assert stream.run_id is not None
            detail = await client.runs.get(stream.run_id)
        assert (detail.status, detail.attempts) == ("success", 2)
        assert [event.id for event in seen] == [str(number) for number in range(1, len(seen) + 1)]
        attempts = [event.data.attempt for event in seen if isinstance(event, events.Metadata)]
        assert attempts == [1, 2]
    finally:
        member.kill()


async def called(client: AsyncTreadle, place: Place, number: int) -> str | None:
    """Make a run, in one of three ways, and see its end. Returns its id."""
    tale = place.tale()
    if number % 3 == 0:
        answer = await client.with_response(client.runs.wait)(**tale)
        return run_id_of(answer.response)
    if number % 3 == 1:
        run = await client.runs.create(**tale)
        await client.runs.join(run.run_id)
        return run.run_id
    async with client.runs.stream(**tale) as stream:
        await stream.output()
    return stream.run_id


async def test_a_thousand_calls_make_a_thousand_runs_whatever_happens_on_the_way(tmp_path: Path) -> None:
    """A proxy refuses, drops and loses, and the server is killed with `kill -9` five times."""
    place = Place(tmp_path)
    member = Member(place, 1, **LEASE)
    await started(member)
    limit = asyncio.Semaphore(20)
    try:
        async with faulty(member.url) as proxy, AsyncTreadle(proxy.url, max_retries=20) as client:

            async def limited(number: int) -> str | None:
                async with limit:
                    return await called(client, place, number)

            killing = asyncio.create_task(killed_again_and_again(member, 5))
            others = asyncio.gather(*map(limited, range(600)))
            outcomes = [outcome async for outcome in client.runs.map("telling", [place.tale()["input"]] * 400)]
            ids = {outcome.run_id for outcome in outcomes} | set(await others)
            await killing
        assert [outcome.error for outcome in outcomes if outcome.error is not None] == []
        stored = {run_id for (run_id,) in place.rows("SELECT run_id FROM runs")}
        assert (len(ids), len(stored), len(ids & stored)) == (1000, 1000, 1000)
        assert all(proxy.happened[fate] > 20 for fate in DAY), proxy.happened
    finally:
        member.kill()
