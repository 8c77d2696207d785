"""Operations on a run that exists: read it, wait for it, follow its events; by its id alone or under its thread."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import treadle_api.operations as op
from treadle.errors import RunNotFound
from treadle.execution.config import Deployment
from treadle.feedback.book import FeedbackBook
from treadle.runs.attachments import Attachment
from treadle.runs.lifecycle import Runs
from treadle.runs.views import run_detail, run_timings, run_view, wait_body
from treadle.storage.contract.runs import RunRecord
from treadle.threads.lifecycle import Threads
from treadle.web.addresses import run_location, thread_run_location
from treadle.web.binding import Call
from treadle.web.replies import Json, Later, Reply
from treadle.web.rights import Rights
from treadle.web.sse import EventStream, cursor
from treadle_api import results

DISCONNECTED = "client disconnected from the joined run (cancel_on_disconnect)"


class RunHandlers:
    """Handlers of `GET /runs/{run_id}`, `/join` and `/stream`, and of the same under `/threads/{thread_id}`."""

    def __init__(
        self, runs: Runs, threads: Threads, feedback: FeedbackBook, deployment: Deployment, *, heartbeat: float
    ) -> None:
        self._runs = runs
        self._feedback = feedback
        self._threads = threads
        self._deployment = deployment
        self._heartbeat = heartbeat

    async def get_run(self, call: Call[op.GetRunBody, op.GetRunParameters]) -> Reply[op.GetRunResult]:
        """Answer with the run, and its outcome once it has ended."""
        run = await self._runs.get(str(call.parameters.run_id))
        await call.rights.check_run("read", run)
        deliveries, feedback = await self._runs.deliveries(run), await self._feedback.view(run)
        return Json(run_detail(run, self._deployment, deliveries, feedback), timings=run_timings(run))

    async def join_run(self, call: Call[op.JoinRunBody, op.JoinRunParameters]) -> Reply[op.JoinRunResult]:
        """Answer as `POST /runs/wait` would, whether the run has ended or not."""
        run = await self._runs.get(str(call.parameters.run_id))
        await _check(call.rights, run, call.parameters.cancel_on_disconnect)
        return await self._join(run, run_location(call.scope, run), call.parameters.cancel_on_disconnect)

    async def join_run_stream(
        self, call: Call[op.JoinRunStreamBody, op.JoinRunStreamParameters]
    ) -> Reply[op.JoinRunStreamResult]:
        """Answer with the run's events from now on, or after `Last-Event-ID` if the run is resumable."""
        parameters = call.parameters
        run = await self._runs.get(str(parameters.run_id))
        await _check(call.rights, run, parameters.cancel_on_disconnect)
        return await self._stream(
            run,
            run_location(call.scope, run),
            after=cursor(parameters.last_event_id),
            only=parameters.stream_mode,
            cancel_on_disconnect=parameters.cancel_on_disconnect,
        )

    async def get_thread_run(
        self, call: Call[op.GetThreadRunBody, op.GetThreadRunParameters]
    ) -> Reply[op.GetThreadRunResult]:
        """Answer with the run while its thread exists: a temporary one goes with the end of its run (recorded)."""
        run = await self._runs.get_of_thread(call.parameters.thread_id, call.parameters.run_id)
        await call.rights.check_run("read", run)
        if run.thread_is_gone:
            raise RunNotFound(f"Thread with ID {run.thread_id} not found")
        return Json(run_view(run, self._deployment), timings=run_timings(run))

    async def join_thread_run(
        self, call: Call[op.JoinThreadRunBody, op.JoinThreadRunParameters]
    ) -> Reply[op.JoinThreadRunResult]:
        """As `join_run`; the outcome stays when a temporary thread has gone."""
        run = await self._runs.get_of_thread(call.parameters.thread_id, call.parameters.run_id)
        await _check(call.rights, run, call.parameters.cancel_on_disconnect)
        return await self._join(run, thread_run_location(call.scope, run), call.parameters.cancel_on_disconnect)

    async def join_thread_run_stream(
        self, call: Call[op.JoinThreadRunStreamBody, op.JoinThreadRunStreamParameters]
    ) -> Reply[op.JoinThreadRunStreamResult]:
        """As `join_run_stream`; a resumable run can be replayed when a temporary thread has gone."""
        parameters = call.parameters
        run = await self._runs.get_of_thread(parameters.thread_id, parameters.run_id)
        await _check(call.rights, run, parameters.cancel_on_disconnect)
        return await self._stream(
            run,
            thread_run_location(call.scope, run),
            after=cursor(parameters.last_event_id),
            only=parameters.stream_mode,
            cancel_on_disconnect=parameters.cancel_on_disconnect,
        )

    async def list_thread_runs(
        self, call: Call[op.ListThreadRunsBody, op.ListThreadRunsParameters]
    ) -> Reply[op.ListThreadRunsResult]:
        """Answer with a page of the thread's runs, the newest first, whole or with some of their keys."""
        parameters, thread_id = call.parameters, str(call.parameters.thread_id)
        asked: dict[str, Any] = {
            "metadata": {},
            "status": parameters.status,
            "limit": parameters.limit,
            "offset": parameters.offset,
        }
        admits = await call.rights.check_thread("search", await self._threads.get(thread_id), asked)
        runs = await self._runs.of_thread(thread_id, status=parameters.status)
        runs = [run for run in runs if admits(run.metadata)]
        listed = runs[parameters.offset : parameters.offset + parameters.limit]
        views = [run_view(run, self._deployment) for run in listed]
        keys = parameters.select
        selected = [{key: value for key, value in view.items() if keys is None or key in keys} for view in views]
        return Json(cast(list[results.ListedRun], selected))

    async def _join(self, run: RunRecord, location: str, cancel_on_disconnect: bool) -> Reply[Any]:
        follower = await self._runs.await_end(run)

        async def body() -> bytes:
            return wait_body(await self._runs.ended(run, follower))

        return Later(
            follower,
            body,
            period=self._heartbeat,
            headers={"content-location": location, "location": f"{location}/join"},
            attachment=self._attachment(run, cancel_on_disconnect),
        )

    async def _stream(
        self,
        run: RunRecord,
        location: str,
        *,
        after: int | None,
        only: Collection[str] | None,
        cancel_on_disconnect: bool,
    ) -> Reply[Any]:
        return EventStream(
            await self._runs.follow(run, after),
            with_ids=run.resumable,
            period=self._heartbeat,
            headers={"content-location": location, "location": f"{location}/stream"},
            only=only,
            attachment=self._attachment(run, cancel_on_disconnect),
        )

    def _attachment(self, run: RunRecord, cancel_on_disconnect: bool) -> Attachment | None:
        return self._runs.attached(run, DISCONNECTED) if cancel_on_disconnect else self._runs.present(run)


async def _check(rights: Rights, run: RunRecord, cancels: bool) -> None:
    """The user may read the run, and cancel it if its leaving does. Raises as `Rights.check_run`."""
    await rights.check_run("read", run)
    if cancels:
        await rights.check_run("update", run, {"action": "interrupt"})
