"""Operations that end runs: cancel one or many, delete one."""

from __future__ import annotations

from typing import Any

import treadle_api.operations as op
from treadle.encoding import read_uuid
from treadle.errors import RunNotFound
from treadle.runs.lifecycle import Runs
from treadle.storage.contract.runs import CancelAction, RunRecord
from treadle.web.addresses import run_location, thread_run_location
from treadle.web.binding import Call
from treadle.web.replies import Empty, Later, Reply

# The braces are literal on the wire (recorded).
REQUESTED = "{action} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel"
REQUESTED_BY_ID = "{action} requested via POST /runs/{{run_id}}/cancel"
REQUESTED_FOR_MANY = "{action} requested via POST /runs/cancel"


class CancelHandlers:
    """Handlers of the cancel and delete operations."""

    def __init__(self, runs: Runs, *, heartbeat: float) -> None:
        self._runs = runs
        self._heartbeat = heartbeat

    async def cancel_run(self, call: Call[op.CancelRunBody, op.CancelRunParameters]) -> Reply[op.CancelRunResult]:
        """Cancel a run by its id."""
        run = await self._runs.get(str(call.parameters.run_id))
        await call.rights.check_run("update", run, {"action": call.parameters.action})
        reason, location = REQUESTED_BY_ID, run_location(call.scope, run)
        return await self._cancel(run, call.parameters.action, reason, location, wait=call.parameters.wait)

    async def cancel_thread_run(
        self, call: Call[op.CancelThreadRunBody, op.CancelThreadRunParameters]
    ) -> Reply[op.CancelThreadRunResult]:
        """Cancel a run of a thread."""
        run = await self._runs.get_of_thread(call.parameters.thread_id, call.parameters.run_id)
        await call.rights.check_run("update", run, {"action": call.parameters.action})
        reason, location = REQUESTED, thread_run_location(call.scope, run)
        return await self._cancel(run, call.parameters.action, reason, location, wait=call.parameters.wait)

    async def cancel_runs(self, call: Call[op.CancelRunsBody, op.CancelRunsParameters]) -> Reply[op.CancelRunsResult]:
        """Cancel runs by status, of every thread, or by the ids of one thread's; 404 if the ids name none to cancel."""
        body, action = call.body, call.parameters.action
        reason = REQUESTED_FOR_MANY.format(action=action)
        thread_id = None if body.status is not None else read_uuid("thread_id", body.thread_id or "")
        asked: dict[str, Any] = {"thread_id": thread_id, "action": action, "metadata": {}}
        admits = await call.rights.ask("threads", "update", asked)
        if thread_id is None:
            for run in await self._runs.unfinished(None if body.status == "all" else body.status):
                if admits(run.metadata):
                    await self._runs.cancel(run.run_id, action, reason)
            return Empty(204)
        run_ids = [str(read_uuid("run_ids", run_id)) for run_id in body.run_ids or ()]
        found = [await self._found(str(thread_id), run_id) for run_id in run_ids]
        named = [run for run in found if run is not None and admits(run.metadata)]
        if not any([await self._runs.cancel(run.run_id, action, reason) for run in named]):
            raise RunNotFound("No runs found to cancel")
        return Empty(204)

    async def delete_run(self, call: Call[op.DeleteRunBody, op.DeleteRunParameters]) -> Reply[op.DeleteRunResult]:
        """Forget a run and its outcome; one that has not ended is cancelled."""
        run = await self._runs.get(str(call.parameters.run_id))
        await call.rights.check_run("delete", run)
        await self._runs.delete(run)
        return Empty(204)

    async def delete_thread_run(
        self, call: Call[op.DeleteThreadRunBody, op.DeleteThreadRunParameters]
    ) -> Reply[op.DeleteThreadRunResult]:
        """As `delete_run`, while the thread exists."""
        run = await self._runs.get_of_thread(call.parameters.thread_id, call.parameters.run_id)
        await call.rights.check_run("delete", run)
        if run.thread_is_gone:
            raise RunNotFound(f"There is no run {run.run_id} on thread {run.thread_id}")
        await self._runs.delete(run)
        return Empty(204)

    async def _cancel(
        self, run: RunRecord, action: CancelAction, reason: str, location: str, *, wait: bool
    ) -> Reply[Any]:
        follower = await self._runs.await_end(run)
        if not await self._runs.cancel(run.run_id, action, reason.format(action=action)):
            follower.close()
            raise RunNotFound(f"Run {run.run_id} has ended or is being cancelled: there is nothing to cancel")
        if not wait:
            follower.close()
            return Empty(202)

        async def body() -> bytes:
            if action == "rollback":
                await self._runs.until_deleted(run.run_id)
            return b"{}"  # without the values of the run (recorded)

        headers = {"content-location": location, "location": f"{location}/join"}
        return Later(follower, body, period=self._heartbeat, headers=headers)

    async def _found(self, thread_id: str, run_id: str) -> RunRecord | None:
        try:
            run = await self._runs.get(run_id)
        except RunNotFound:
            return None
        return run if run.thread_id == thread_id else None
