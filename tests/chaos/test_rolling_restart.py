"""Every process is replaced, one after the other, under load: clients that repeat a request once notice nothing."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from random import Random
from typing import Any

import httpx
import pytest

from tests.durability.audit import Audit
from tests.durability.place import Member, Place
from tests.live import DEADLINE, sse
from tests.web.calls import run_id_of

pytestmark = pytest.mark.anyio
CLIENTS = 20
SETTLING = 2.0
"""Seconds between a process that answers again and the end of the next one, as a deployment has them."""
PATHS = ("/runs", "/runs/wait", "/runs/stream")


class Clients:
    """They make runs with a key each, through any of two URLs; what fails is sent once more, to the other one."""

    def __init__(self, place: Place, urls: list[str]) -> None:
        self._place = place
        self._urls = urls
        self._random = Random(1)
        self.over = False
        self.repeated = 0
        self.failed: list[str] = []
        self.runs: list[str] = []
        self.answered: Counter[str] = Counter()

    async def run(self) -> None:
        """Make runs until it is over."""
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=DEADLINE, limits=limits) as http, asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(self._repeat(http, PATHS[number % len(PATHS)]))

    async def _repeat(self, http: httpx.AsyncClient, path: str) -> None:
        while not self.over:
            modes = ["values", "custom"]
            body = self._place.tale(steps=5, pause=0.1, stream_mode=modes, stream_resumable=path == "/runs/stream")
            key = {"idempotency-key": str(uuid.uuid4())}
            urls = self._random.sample(self._urls, 2)
            said = [await self._try(http, urls[0] + path, body, key)]
            if said[0] is not None:
                self.repeated += 1
                said.append(await self._try(http, urls[1] + path, body, key))
            if said[-1] is not None:
                self.failed.append(f"{path}: {said}")
            self.answered[path] += 1

    async def _try(self, http: httpx.AsyncClient, url: str, body: dict[str, Any], key: dict[str, str]) -> str | None:
        """None if the answer is whole, else what was wrong."""
        try:
            reply = await http.post(url, json=body, headers=key)
        except httpx.TransportError as error:
            return repr(error)
        if not reply.is_success:
            return f"{reply.status_code} {reply.text}"
        if url.endswith("/wait") and reply.json().get("told") != 5:
            return reply.text
        if url.endswith("/stream"):
            steps = [data["step"] for name, data, _ in sse(reply.content) if name == "custom"]
            if steps != list(range(5)):
                return f"steps {steps}"
        self.runs.append(run_id_of(reply))
        return None


async def test_no_request_fails_and_no_run_is_lost_or_ends_twice(place: Place) -> None:
    variables: dict[str, Any] = {"BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "30", "LEASE_SECONDS": "5"}
    edges = [Member(place, number, ROLE="api", **variables) for number in range(2)]
    for edge in edges:
        edge.start()
    with ExitStack() as opened:
        for edge in edges:
            opened.callback(edge.kill)
        workers = [opened.enter_context(place.serve(ROLE="worker", **variables)) for _ in range(2)]
        await answering(*edges)
        place.script(place.store.audit)
        clients = Clients(place, [edge.url for edge in edges])
        loading, began = asyncio.create_task(clients.run()), time.monotonic()
        for edge, worker in zip(edges, workers, strict=True):
            await asyncio.sleep(SETTLING)
            await asyncio.to_thread(edge.stop)
            edge.start()
            await answering(edge)
            await asyncio.sleep(SETTLING)
            opened.enter_context(place.serve(ROLE="worker", **variables))
            assert await asyncio.to_thread(worker.stop) in (0, -signal.SIGTERM)
        await asyncio.sleep(SETTLING)
        clients.over = True
        await loading
        took = time.monotonic() - began
    audit, ended = Audit.read(place), Counter(note.run_id for note in place.notes(what="ended"))
    print(
        f"two API and two worker processes replaced in {took:.0f} s: {sum(clients.answered.values())} requests, "
        f"{clients.repeated} repeated, {len(clients.failed)} failed; {len(set(clients.runs))} runs"
    )
    assert clients.failed == []
    assert {path: clients.answered[path] > 20 for path in PATHS} == dict.fromkeys(PATHS, True)
    wrong = {run_id for run_id in clients.runs if ended[run_id] != 1 or audit.ends[run_id] != [("success", 1)]}
    assert wrong == set()
    assert audit.unfinished == []


async def answering(*members: Member) -> None:
    """Wait until all of them answer."""
    async with httpx.AsyncClient(timeout=DEADLINE) as http, asyncio.timeout(DEADLINE):
        for member in members:
            while not await member.answers(http):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.02)
