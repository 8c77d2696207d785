"""Operations that create stateless runs: in the background, waited for, streamed, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Protocol, TypeVar

import treadle_api.operations as op
from treadle.errors import InvalidRequest
from treadle.execution.config import Deployment
from treadle.graphs.http_config import HttpConfig
from treadle.runs.attachments import Attachment
from treadle.runs.callers_trace import callers_trace
from treadle.runs.creation import Created, CreateRequest, Creation, Followed
from treadle.runs.lifecycle import Runs
from treadle.runs.request import Caller, RunRequest, unknown_fields
from treadle.runs.views import run_view, wait_body
from treadle.storage.contract.events import END
from treadle.web.addresses import base_url, run_location, thread_run_location
from treadle.web.binding import Call
from treadle.web.headers import ignored_header
from treadle.web.replies import Json, Later, Reply
from treadle.web.sse import EventStream, cursor

SHOWN_AT_ONCE = 50
"""Runs of a batch that are shown before other requests have their turn."""
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
        deployment: Deployment,
        http: HttpConfig,
        *,
        public_url: str | None,
        heartbeat: float,
    ) -> None:
        self._http = http
        self._runs = runs
        self._creation = creation
        self._deployment = deployment
        self._public_url = public_url
        self._heartbeat = heartbeat

    async def create_run(self, call: Call[op.CreateRunBody, op.CreateRunParameters]) -> Reply[op.CreateRunResult]:
        """Answer with the pending run as soon as it is committed."""
        asked = [RunRequest(call.body, call.document)]
        created = await self._created(call, op.create_run.name, asked)
        (run,) = created.runs
        headers = {"content-location": run_location(call.scope, run), **_headers(created.repeated, asked)}
        return Json(run_view(run, self._deployment), headers=headers)

    async def wait_run(self, call: Call[op.WaitRunBody, op.WaitRunParameters]) -> Reply[op.WaitRunResult]:
        """Answer with the outcome; headers go out before it, so a failing graph is a 200 with `__error__`."""
        asked = [RunRequest(call.body, call.document)]
        followed = await self._followed(call, self._request(call, op.wait_run.name, asked), END)
        run, follower = followed.run, followed.follower
        # Under the thread, unlike the other two: SDKs read their thread id from here (recorded).
        location = thread_run_location(call.scope, run)

        async def body() -> bytes:
            return wait_body(await self._runs.ended(run, follower))

        return Later(
            follower,
            body,
            period=self._heartbeat,
            headers={
                "content-location": location,
                "location": f"{location}/join",
                **_headers(followed.repeated, asked),
            },
            attachment=self._attachment(followed, asked[0]),
        )

    async def stream_run(self, call: Call[op.StreamRunBody, op.StreamRunParameters]) -> Reply[op.StreamRunResult]:
        """Answer with the run's events from the first on; of a run that is met again, after `Last-Event-ID`."""
        asked = [RunRequest(call.body, call.document)]
        request = self._request(call, op.stream_run.name, asked)
        followed = await self._followed(call, request, 0, cursor(call.parameters.last_event_id) or 0)
        run, location = followed.run, run_location(call.scope, followed.run)
        return EventStream(
            followed.follower,
            with_ids=run.resumable,
            period=self._heartbeat,
            headers={
                "content-location": location,
                "location": f"{location}/stream",
                **_headers(followed.repeated, asked),
            },
            attachment=self._attachment(followed, asked[0]),
        )

    async def create_run_batch(
        self, call: Call[op.CreateRunBatchBody, op.CreateRunBatchParameters]
    ) -> Reply[op.CreateRunBatchResult]:
        """Answer with the pending runs in the order of the request: all of them are committed, or none is."""
        asked = [
            RunRequest(op.create_run.load_body(document), document, f"[{number}].")
            for number, document in enumerate(call.document)
        ]
        created = await self._created(call, op.create_run_batch.name, asked)
        views = []
        for number, run in enumerate(created.runs, 1):
            if number % SHOWN_AT_ONCE == 0:
                await asyncio.sleep(0)
            views.append(run_view(run, self._deployment))
        return Json(views, headers=_headers(created.repeated, asked))

    async def _created(self, call: Call[Any, K], operation: str, asked: Sequence[RunRequest]) -> Created:
        created = await self._creation.create(self._request(call, operation, asked))
        if created.repeated:  # the user may have lost the right to see them
            for run in created.runs:
                await call.rights.check_run("read", run)
        return created

    async def _followed(self, call: Call[Any, K], request: CreateRequest, after: int, seen: int = 0) -> Followed:
        followed = await self._creation.follow(request, after, seen)
        if followed.repeated:
            with ExitStack() as undo:
                undo.callback(followed.follower.close)
                await call.rights.check_run("read", followed.run)
                undo.pop_all()
        return followed

    def _request(self, call: Call[Any, K], operation: str, runs: Sequence[RunRequest]) -> CreateRequest:
        key = call.parameters.idempotency_key
        if key is not None and sum(name == b"idempotency-key" for name, _ in call.scope["headers"]) > 1:
            raise InvalidRequest("Idempotency-Key: there are several; send one")
        has_links = any(run.body.feedback_keys for run in runs)
        if not self._http.webhooks and any(run.body.webhook for run in runs):
            raise InvalidRequest("webhook: this server sends none (http.disable_webhooks)")
        configurable = self._http.configurable
        caller = Caller(
            name=call.caller,
            user=call.rights.user,
            request_id=call.header(b"x-request-id"),
            trace=callers_trace(call.header),
            headers=call.matching_headers(configurable),
            header_only=lambda key: configurable.match(key.lower()),
            received_at=call.received_at,
            size=call.size // max(len(runs), 1),
            base_url=(self._public_url or base_url(call.scope)) if has_links else None,
        )
        allowed = None if call.rights.user is None else call.rights.created_run
        return CreateRequest(operation, call.document, runs, caller, key, allowed)

    def _attachment(self, followed: Followed, asked: RunRequest) -> Attachment | None:
        if asked.ends_with_client:
            return self._runs.attached(followed.run, DISCONNECTED, known=not followed.repeated)
        return self._runs.present(followed.run)


def _headers(repeated: bool, asked: Sequence[RunRequest]) -> dict[str, str]:
    """What a repeated request, and names in it that mean nothing to the server, add to a reply."""
    ignored = dict.fromkeys(name for run in asked for name in unknown_fields(run.document, type(run.body).model_fields))
    return {**({"idempotent-replayed": "true"} if repeated else {}), **ignored_header(ignored)}
