"""Operations that create stateless runs: in the background, waited for, streamed."""

from __future__ import annotations

from typing import Any

import treadle_api.operations as op
from treadle.graphs.assistants import Assistants
from treadle.runs.lifecycle import Runs
from treadle.runs.request import Caller, new_run, unknown_fields
from treadle.runs.views import Deployment, run_view, wait_body
from treadle.storage.base import END, RunRecord
from treadle.web.binding import Call
from treadle.web.replies import Json, Later, Reply
from treadle.web.sse import EventStream

DISCONNECTED = "client disconnected from the run stream (on_disconnect=cancel)"


class StatelessRuns:
    """Handlers of `POST /runs`, `/runs/wait` and `/runs/stream`."""

    def __init__(self, runs: Runs, assistants: Assistants, deployment: Deployment, *, heartbeat: float) -> None:
        self._runs = runs
        self._assistants = assistants
        self._deployment = deployment
        self._heartbeat = heartbeat

    async def create_run(self, call: Call[op.CreateRunBody, op.CreateRunParameters]) -> Reply[op.CreateRunResult]:
        """Answer with the pending run as soon as it is committed."""
        run = self._new(call.body, call)
        await self._runs.create([run])
        headers = {"content-location": f"/runs/{run.run_id}"}
        return Json(run_view(run, self._deployment), headers=headers | ignored(call))

    async def wait_run(self, call: Call[op.WaitRunBody, op.WaitRunParameters]) -> Reply[op.WaitRunResult]:
        """Answer with the outcome; headers go out at once, so a failing graph is a 200 with `__error__`."""
        run = self._new(call.body, call)
        follower = await self._runs.create_and_follow(run, END)
        # Under the thread, unlike the other two: SDKs read their thread id from here (recorded).
        location = f"/threads/{run.thread_id}/runs/{run.run_id}"

        async def body() -> bytes:
            return wait_body(await self._runs.ended(run.run_id, follower))

        return Later(
            follower,
            body,
            period=self._heartbeat,
            headers={"content-location": location, "location": f"{location}/join"} | ignored(call),
            on_disconnect=self._cancel(run) if call.body.on_disconnect == "cancel" else None,
        )

    async def stream_run(self, call: Call[op.StreamRunBody, op.StreamRunParameters]) -> Reply[op.StreamRunResult]:
        """Answer with the run's events from the first on."""
        run = self._new(call.body, call)
        follower = await self._runs.create_and_follow(run, 0)
        location = f"/runs/{run.run_id}"
        return EventStream(
            follower,
            with_ids=run.resumable,
            period=self._heartbeat,
            headers={"content-location": location, "location": f"{location}/stream"} | ignored(call),
            on_disconnect=self._cancel(run) if call.body.on_disconnect == "cancel" else None,
        )

    def _new(self, body: op.CreateRunBody, call: Call[Any, Any]) -> RunRecord:
        caller = Caller(
            request_id=call.header(b"x-request-id"),
            trace=call.header(b"langsmith-trace"),
            received_at=call.received_at,
            size=call.size,
        )
        return new_run(body, call.document, self._assistants.find(body.assistant_id), caller)

    def _cancel(self, run: RunRecord) -> Any:
        return lambda: self._runs.cancel(run.run_id, "interrupt", DISCONNECTED)


def ignored(call: Call[Any, Any]) -> dict[str, str]:
    """The header that names fields which mean nothing to the server, if there are any."""
    names = unknown_fields(call.document, type(call.body).model_fields)
    return {"treadle-ignored": ", ".join(names)} if names else {}
