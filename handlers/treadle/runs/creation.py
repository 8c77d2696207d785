"""Creating runs: from a create request to committed runs, or to those of an earlier request with the same key.

An `Idempotency-Key` stands for the first request that used it, and for the runs that this one created.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from treadle.encryption.current import current_context
from treadle.errors import KeyReused, NotAllowed, OutcomeGone, TreadleError
from treadle.graphs.assistants import KnownAssistants
from treadle.runs.lifecycle import Runs
from treadle.runs.request import Caller, RunRequest, new_run
from treadle.storage.contract.assistants import AssistantRecord
from treadle.storage.contract.events import END, Follower
from treadle.storage.contract.runs import IdempotentRequest, KeyTaken, RunRecord
from treadle.storage.contract.store import Storage

# Runs of one request that are made, and that are looked up, before other requests have their turn.
MADE_AT_ONCE, READ_AT_ONCE = 50, 100
Allowed = Callable[[RunRecord, AssistantRecord], Awaitable[RunRecord]]
"""Makes a new run of an assistant what the author's handlers let its user create, or raises an error."""
Locate = Callable[[str], Awaitable[object]]
"""Checks that a webhook leads to an address that may be called; raises InvalidRequest, or an error with a 503."""


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A request to create runs: all of them, or none."""

    operation: str
    document: Any
    """The whole body."""
    runs: Sequence[RunRequest]
    caller: Caller
    idempotency_key: str | None = None
    allowed: Allowed | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The runs of a create request. `repeated`: an earlier, equal request created them."""

    runs: Sequence[RunRecord]
    repeated: bool


@dataclass(frozen=True, slots=True)
class Followed:
    """The run of a create request, and its follower. `repeated`: an earlier, equal request created it."""

    run: RunRecord
    follower: Follower
    repeated: bool


@dataclass(frozen=True, slots=True)
class Creation:
    """Creates runs; while a request's key lives, only the first of several equal requests does."""

    storage: Storage
    runs: Runs
    assistants: KnownAssistants
    locate: Locate
    clock: Callable[[], float]
    key_ttl: float
    """Seconds for which a key stands for its request."""
    resumable_ttl: float
    """Seconds for which the events of an ended run can be replayed."""

    async def create(self, request: CreateRequest) -> Created:
        """Commit the runs of a request. For a repeated request, return the current records of the first request's runs.

        Raises KeyReused (409) if the key stands for a different request, OutcomeGone (409) if one of the first
        request's runs is no longer kept, and the errors of `new_run`.
        """
        once = self._once(request)
        earlier = await self._earlier(once)
        if earlier is None:
            runs = await self._new(request)
            try:
                await self.runs.create(runs, once)
                return Created(runs, repeated=False)
            except KeyTaken as taken:
                earlier = taken.earlier
        return Created(await self._created(once, earlier), repeated=True)

    async def follow(self, request: CreateRequest, after: int, seen: int = 0) -> Followed:
        """Commit one new run, and follow it from the event after `after`: 0 for all of them, END for none.

        The run of an earlier request is followed from the event after `seen`, or to its END. Raises as `create`, and
        OutcomeGone (409) if its events are not kept.
        """
        once = self._once(request)
        earlier = await self._earlier(once)
        if earlier is None:
            (run,) = await self._new(request)
            if once is not None and after != END:  # the request may be repeated, and then needs the events again
                run = run._replace(kwargs=replace(run.kwargs, resumable=True))
            try:
                follower = await self.runs.create_and_follow(
                    run, after, once, attached=request.runs[0].ends_with_client
                )
                return Followed(run, follower, repeated=False)
            except KeyTaken as taken:
                earlier = taken.earlier
        (run,) = await self._created(once, earlier)
        return Followed(run, await self._follow_again(run, after if after == END else seen), repeated=True)

    def _once(self, request: CreateRequest) -> IdempotentRequest | None:
        if request.idempotency_key is None:
            return None
        return IdempotentRequest(
            request.caller.name,
            request.idempotency_key,
            fingerprint(request.operation, request.document),
            self.clock() + self.key_ttl,
        )

    async def _earlier(self, once: IdempotentRequest | None) -> IdempotentRequest | None:
        return None if once is None else await self.storage.runs.first(once.caller, once.key)

    async def _new(self, request: CreateRequest) -> list[RunRecord]:
        """The runs that a request asks for, their webhooks checked: each receiver once."""
        runs, located, context = [], set[str](), current_context()
        for number, asked in enumerate(request.runs, 1):
            if number % MADE_AT_ONCE == 0:
                await asyncio.sleep(0)  # others have their turn as well
            try:
                assistant = await self.assistants.find(asked.body.assistant_id)
                run = new_run(asked, assistant, request.caller)
                if request.allowed is not None:
                    run = await request.allowed(run, assistant)
                run = run if context is None else run._replace(encryption=context)
                webhook = run.kwargs.webhook
                if webhook and webhook not in located:
                    await self.locate(webhook)
                    located.add(webhook)
            except TreadleError as error:
                if not asked.place or isinstance(error, NotAllowed):
                    raise
                gist = error.gist and f"{asked.place}{error.gist}"
                raise type(error)(f"{asked.place}{error}", gist=gist) from None
            runs.append(run)
        return runs

    async def _created(self, once: IdempotentRequest | None, earlier: IdempotentRequest) -> list[RunRecord]:
        if once is None or earlier.fingerprint != once.fingerprint:
            raise KeyReused
        runs = []
        for number, run_id in enumerate(earlier.run_ids, 1):
            if number % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            run = await self.storage.runs.get(run_id)
            if run is None:
                raise OutcomeGone(f"Idempotency-Key: it has created run {run_id}, whose outcome is no longer kept")
            runs.append(run)
        return runs

    async def _follow_again(self, run: RunRecord, after: int) -> Follower:
        if after == END:
            return await self.runs.await_end(run)
        if run.ended_at is not None and run.ended_at + self.resumable_ttl <= self.clock():
            outcome = f"GET /runs/{run.run_id} has its outcome"
            gone = f"the events of run {run.run_id} are no longer kept (RESUMABLE_STREAM_TTL_SECONDS)"
            raise OutcomeGone(f"Idempotency-Key: {gone}; {outcome}")
        return await self.runs.follow(run, after)


def fingerprint(operation: str, document: Any) -> str:
    """A hash that is equal for equal requests, independent of spaces and the order of keys in their JSON."""
    # Not `dump`, which is faster and has no order for objects with integers beyond 64 bits.
    canonical = json.dumps([operation, document], sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
