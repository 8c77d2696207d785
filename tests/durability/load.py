"""Clients that make background, delayed and resumable runs, and follow streams across kills and restarts of servers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.durability.place import Place
from tests.live import DEADLINE, sse

Event = tuple[str, Any, str | None]


class Violation(AssertionError):
    """A promise was broken."""


@dataclass
class Accepted:
    """A run that a 2xx answer has named."""

    run_id: str
    kind: str
    steps: int
    due: float
    resumable: bool
    seen: list[Event] = field(default_factory=list)
    """The events that a client got, over all of its connections."""
    connections: int = 0


class Load:
    """Makes runs on the servers at these URLs until it is stopped."""

    def __init__(self, place: Place, urls: list[str], http: httpx.AsyncClient, seed: int) -> None:
        self._place = place
        self._urls = urls
        self._http = http
        self._random = random.Random(seed)
        self._stopping = False
        self.accepted: list[Accepted] = []
        self.unanswered = 0
        """Requests for new runs that got no answer: the server promises nothing about them."""

    def stop(self) -> None:
        """Make no more runs; streams are followed to their ends."""
        self._stopping = True

    async def run(self) -> None:
        """Make runs until stopped, and follow streams to their ends. Raises Violation."""
        async with asyncio.TaskGroup() as clients:
            for make, pause in ((self._background, 0.02), (self._batch, 0.2), (self._delayed, 0.03)):
                clients.create_task(self._repeat(make, pause))
            for _ in range(8):
                clients.create_task(self._repeat(self._stream, 0.02))

    async def _repeat(self, make: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
        while not self._stopping:
            try:
                await make()
            except httpx.TransportError:
                self.unanswered += 1
            await asyncio.sleep(self._random.uniform(0, 2 * pause))

    def _url(self) -> str:
        return self._random.choice(self._urls)

    def _tale(self, **fields: Any) -> dict[str, Any]:
        steps, pause = self._random.randrange(8), self._random.choice([0, 0.01, 0.1])
        return self._place.tale(steps=steps, pause=pause, **fields)

    def _accept(self, kind: str, run_id: str, body: dict[str, Any], sent_at: float) -> Accepted:
        due = sent_at + body.get("after_seconds", 0)
        run = Accepted(run_id, kind, body["input"]["steps"], due, bool(body.get("stream_resumable")))
        self.accepted.append(run)
        return run

    async def _background(self) -> None:
        await self._create("background", self._tale(stream_resumable=self._random.random() < 0.3))

    async def _delayed(self) -> None:
        await self._create("delayed", self._tale(after_seconds=self._random.choice([1, 2, 3])))

    async def _create(self, kind: str, body: dict[str, Any]) -> None:
        sent_at = time.time()
        reply = await self._http.post(f"{self._url()}/runs", json=body)
        self._accept(kind, checked(reply).json()["run_id"], body, sent_at)

    async def _batch(self) -> None:
        bodies, sent_at = [self._tale() for _ in range(5)], time.time()
        runs = checked(await self._http.post(f"{self._url()}/runs/batch", json=bodies)).json()
        for run, body in zip(runs, bodies, strict=True):
            self._accept("batch", run["run_id"], body, sent_at)

    async def _stream(self) -> None:
        body, sent_at = self._tale(stream_resumable=True), time.time()
        run: Accepted | None = None
        try:
            async with self._http.stream("POST", f"{self._url()}/runs/stream", json=body) as reply:
                run_id = checked(reply).headers["content-location"].rpartition("/")[2]
                run = self._accept("stream", run_id, body, sent_at)
                await self._read(run, reply)
        except httpx.TransportError:
            if run is None:
                raise
            await self._resume(run)
        await self._see_ended(run)

    async def _resume(self, run: Accepted) -> None:
        """Come back with the last id, again and again, until the stream has a proper end."""
        async with patience():
            while True:
                after = run.seen[-1][2] if run.seen else "-1"
                try:
                    async with self._http.stream(
                        "GET", f"{self._url()}/runs/{run.run_id}/stream", headers={"last-event-id": after or ""}
                    ) as reply:
                        await self._read(run, checked(reply))
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

    async def _read(self, run: Accepted, reply: httpx.Response) -> None:
        """Take events until the stream ends; raises TransportError if it breaks off."""
        run.connections += 1
        async for event in events(reply):
            run.seen.append(event)
            if event[2] != str(len(run.seen)):
                raise Violation(f"stream of {run.run_id}: id {event[2]} where {len(run.seen)} was due")

    async def _see_ended(self, run: Accepted) -> None:
        """After the end of its stream, the run has ended."""
        found = await self.get(f"/runs/{run.run_id}")
        if found.json()["status"] in ("pending", "running"):
            raise Violation(f"stream of {run.run_id} has ended, and the run is {found.json()['status']}")

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """The answer of any server, as soon as one answers."""
        async with patience():
            while True:
                try:
                    names = {name.replace("_", "-"): value for name, value in headers.items()}
                    return checked(await self._http.get(f"{self._url()}{path}", headers=names))
                except httpx.TransportError:
                    await asyncio.sleep(0.02)


async def events(reply: httpx.Response) -> AsyncIterator[Event]:
    """The events of a stream as they come."""
    unread = b""
    async for part in reply.aiter_raw():
        whole, found, rest = (unread + part).rpartition(b"\r\n\r\n")
        unread = rest
        for event in sse(whole + found) if found else ():
            yield event


def checked(reply: httpx.Response) -> httpx.Response:
    """The reply, which has to be a 2xx."""
    if not reply.is_success:
        raise Violation(f"{reply.request.method} {reply.request.url}: {reply.status_code}")
    return reply


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """Raise Violation after DEADLINE seconds in the block."""
    try:
        async with asyncio.timeout(DEADLINE):
            yield
    except TimeoutError:
        raise Violation(f"no answer for {DEADLINE:g} seconds") from None
