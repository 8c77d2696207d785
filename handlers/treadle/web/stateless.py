"""Operations that create stateless runs: in the background, waited for, streamed, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import treadle_api.operations as op
from treadle.errors import InvalidRequest, TreadleError
from treadle.execution.config import Deployment
from treadle.graphs.assistants import Assistants
from treadle.outbox.addresses import Addresses
from treadle.runs.idempotency import Creation
from treadle.runs.lifecycle import Runs
from treadle.runs.request import Caller, new_run, unknown_fields
from treadle.runs.views import run_view, wait_body
from treadle.storage.contract.events import END
from treadle.storage.contract.runs import IdempotentRequest, RunRecord
from treadle.web.addresses import base_url, run_location, thread_run_location
from treadle.web.binding import Call
from treadle.web.replies import Json, Later, Reply, ignored_header
from treadle.web.sse import EventStream, cursor

AT_ONCE = 50
"""Runs of a batch that are seen to before others have their turn."""
T = TypeVar("T")
DISCONNECTED = "client disconnected from the run stream (on_disconnect=cancel)"


class Keyed(Protocol):
    """Parameters of an operation that takes an `Idempotency-Key`."""

    @property
    def idempotency_key(self) -> str | None: ...


K = TypeVar("K", bound=Keyed)


class StatelessRunHandlers:
    """Handlers of `POST /runs`, `/runs/wait`, `/runs/stream` and `/runs/batch`."""

    def __init__(
        self,
        runs: Runs,
        creation: Creation,
        assistants: Assistants,
        addresses: Addresses,
        deployment: Deployment,
        public_url: str | None,
        *,
        heartbeat: float,
    ) -> None:
        self._runs = runs
        self._creation = creation
        self._addresses = addresses
        self._assistants = assistants
        self._deployment = deployment
        self._public_url = public_url
        self._heartbeat = heartbeat

    async def create_run(self, call: Call[op.CreateRunBody, op.CreateRunParameters]) -> Reply[op.CreateRunResult]:
        """Answer with the pending run as soon as it is committed."""
        once = self._once(call, op.create_run.name)

        async def new() -> list[RunRecord]:
            return [await self._new(call.body, call.document, call)]

        (run,), again = await self._creation.create(once, new)
        headers = {"content-location": run_location(call.scope, run)} | replayed_header(again)
        return Json(
            run_view(run, self._deployment), headers=headers | ignored_header(ignored(call.document, call.body))
        )

    async def wait_run(self, call: Call[op.WaitRunBody, op.WaitRunParameters]) -> Reply[op.WaitRunResult]:
        """Answer with the outcome; headers go out at once, so a failing graph is a 200 with `__error__`."""
        once = self._once(call, op.wait_run.name)
        run, follower, again = await self._creation.create_and_follow(
            once, lambda: self._new(call.body, call.document, call), END
        )
        # Under the thread, unlike the other two: SDKs read their thread id from here (recorded).
        location = thread_run_location(call.scope, run)

        async def body() -> bytes:
            return wait_body(await self._runs.ended(run, follower))

        return Later(
            follower,
            body,
            period=self._heartbeat,
            headers={"content-location": location, "location": f"{location}/join"}
            | replayed_header(again)
            | ignored_header(ignored(call.document, call.body)),
            on_disconnect=self._cancel(run) if call.body.on_disconnect == "cancel" else None,
        )

    async def stream_run(self, call: Call[op.StreamRunBody, op.StreamRunParameters]) -> Reply[op.StreamRunResult]:
        """Answer with the run's events from the first on; of a run that is met again, after `Last-Event-ID`."""
        once = self._once(call, op.stream_run.name)

        async def new() -> RunRecord:
            run = await self._new(call.body, call.document, call)
            # The request may be repeated, and then needs the events again.
            return run if once is None else replace(run, kwargs={**run.kwargs, "resumable": True})

        seen = cursor(call.parameters.last_event_id) or 0
        run, follower, again = await self._creation.create_and_follow(once, new, 0, seen)
        location = run_location(call.scope, run)
        return EventStream(
            follower,
            with_ids=run.resumable,
            period=self._heartbeat,
            headers={"content-location": location, "location": f"{location}/stream"}
            | replayed_header(again)
            | ignored_header(ignored(call.document, call.body)),
            on_disconnect=self._cancel(run) if call.body.on_disconnect == "cancel" else None,
        )

    async def create_run_batch(
        self, call: Call[op.CreateRunBatchBody, op.CreateRunBatchParameters]
    ) -> Reply[op.CreateRunBatchResult]:
        """Answer with the pending runs in the order of the request: all of them are committed, or none is."""
        bodies = [(op.create_run.load_body(document), document) for document in call.document]

        async def new() -> list[RunRecord]:
            runs, located = [], set[str]()
            async for number, (body, document) in _in_turns(bodies):
                try:
                    runs.append(await self._new(body, document, call, share=len(bodies), located=located))
                except TreadleError as error:
                    raise type(error)(f"[{number}].{error}") from None
            return runs

        made, again = await self._creation.create(self._once(call, op.create_run_batch.name), new)
        names = dict.fromkeys(name for body, document in bodies for name in ignored(document, body))
        views = [run_view(run, self._deployment) async for _, run in _in_turns(made)]
        return Json(views, headers=replayed_header(again) | ignored_header(names))

    def _once(self, call: Call[Any, K], operation: str) -> IdempotentRequest | None:
        """The request as one that may come again, if its caller says so."""
        key = call.parameters.idempotency_key
        if key is not None and sum(name == b"idempotency-key" for name, _ in call.scope["headers"]) > 1:
            raise InvalidRequest("Idempotency-Key: there are several; send one")
        return None if key is None else self._creation.once(call.caller, key, operation, call.document)

    async def _new(
        self,
        body: op.CreateRunBody,
        document: dict[str, Any],
        call: Call[Any, Any],
        *,
        share: int = 1,
        located: set[str] | None = None,
    ) -> RunRecord:
        """One of the runs, as many as `share`, that a request asks for; its webhook is judged, unless it is among those
        `located` before.
        """
        caller = Caller(
            request_id=call.header(b"x-request-id"),
            trace=call.header(b"langsmith-trace"),
            received_at=call.received_at,
            size=call.size // share,
            base_url=(self._public_url or base_url(call.scope)) if document.get("feedback_keys") else None,
        )
        run = new_run(body, document, self._assistants.find(body.assistant_id), caller)
        webhook = run.kwargs["webhook"]
        if webhook and (located is None or webhook not in located):
            await self._addresses.locate(webhook)
            if located is not None:
                located.add(webhook)
        return run

    def _cancel(self, run: RunRecord) -> Callable[[], Awaitable[object]]:
        return lambda: self._runs.cancel(run.run_id, "interrupt", DISCONNECTED)


async def _in_turns(items: Sequence[T]) -> AsyncIterator[tuple[int, T]]:
    """The items with their numbers, while others have their turn now and then."""
    for number, item in enumerate(items):
        if number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        yield number, item


def replayed_header(again: bool) -> dict[str, str]:
    """The header that tells the caller that this request was repeated."""
    return {"idempotent-replayed": "true"} if again else {}


def ignored(document: dict[str, Any], body: op.CreateRunBody) -> list[str]:
    """Names in a request that mean nothing to the server."""
    return unknown_fields(document, type(body).model_fields)
