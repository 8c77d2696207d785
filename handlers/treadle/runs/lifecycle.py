"""Runs: created, read, followed, waited for and cancelled. The HTTP edge and the command line use nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from uuid_utils import uuid4

from treadle.errors import RunNotFound, ShuttingDown
from treadle.runs.kept_threads import left_by_rollback, thread_of
from treadle.runs.worker import Worker, cancelled
from treadle.storage.base import END, CancelAction, Follower, RunRecord, Status, Storage, ThreadState

FROM_NOW = None
"""Cursor of a follower that wants what comes from now on."""


class Runs:
    """The life of runs over a storage and a worker. A run ends in exactly one terminal state."""

    def __init__(self, storage: Storage, worker: Worker, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._worker = worker
        self._clock = clock
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether new runs are refused."""
        return self._closing

    async def until_over(self, thread_id: str) -> None:
        """Wait until no run of the thread is under way here, be it one that was deleted."""
        await self._worker.until_over(thread_id)

    def close(self) -> None:
        """Refuse new runs from now on, with ShuttingDown (503), and start none that waits."""
        self._closing = True
        self._worker.close()

    def hurry(self) -> None:
        """Do not wait for runs to end when the worker stops."""
        self._worker.hurry()

    async def create(self, records: Sequence[RunRecord]) -> None:
        """Commit new pending runs, all or none, and see to their start."""
        self._open(records)
        await self._add(records)

    async def create_and_follow(self, run: RunRecord, after: int) -> Follower:
        """Create one run and follow it from the event after `after`: 0 for all of them, END for none."""
        self._open([run])
        follower = self._storage.events.follow(run.run_id, after)
        await self._add([run])
        return follower

    def _open(self, records: Sequence[RunRecord]) -> None:
        if self._closing:
            raise ShuttingDown
        for record in records:
            self._storage.events.open(record.run_id, resumable=record.resumable)

    async def _add(self, records: Sequence[RunRecord]) -> None:
        now = self._clock()
        threads = [thread_of(record) for record in records if not record.temporary]
        try:
            if len(records) == 1 and records[0].due <= now and self._worker.has_slot:
                # No queue hop for a run that may start at once: it is committed already claimed, by this process.
                claimed = replace(
                    records[0], status="running", claim=str(uuid4()), attempt=1, started_at=now, updated_at=now
                )
                await self._storage.runs.add([claimed], threads)
                self._worker.run(claimed)
            else:
                await self._storage.runs.add(records, threads)
                self._worker.wake()
        except BaseException:
            for record in records:
                self._storage.events.drop(record.run_id)
            raise

    async def get(self, run_id: str) -> RunRecord:
        """The run. Raises RunNotFound (404) if it is unknown or its retention has ended."""
        record = await self._storage.runs.get(run_id)
        if record is None:
            raise RunNotFound(f"There is no run {run_id}, or its outcome is no longer kept")
        return record

    async def of_thread(self, thread_id: str, *, status: Status | None = None) -> list[RunRecord]:
        """The runs of a thread, the newest first; an ended run of a temporary thread has gone with it."""
        found = await self._storage.runs.find(thread_id=thread_id, status=status)
        return [run for run in found if not run.thread_is_gone]

    async def unfinished(self, status: Status | None) -> list[RunRecord]:
        """The runs that have not ended, of every thread; only the pending or the running ones if `status` says so."""
        wanted: tuple[Status, ...] = ("pending", "running") if status is None else (status,)
        return [run for each in wanted for run in await self._storage.runs.find(status=each)]

    async def delete(self, run: RunRecord) -> None:
        """Forget the run at once; one that has not ended is cancelled, and its followers end when it has."""
        reason = "the run was deleted"
        unfinished = await self.cancel(run.run_id, "rollback", reason) or self._worker.holds(run.run_id)
        await self._storage.runs.remove(run.run_id, left_by_rollback(reason) if unfinished else None)
        if not self._worker.holds(run.run_id):
            self._storage.events.drop(run.run_id)

    async def ended(self, run_id: str, follower: Follower) -> RunRecord:
        """The run at its end, for whoever followed it there, even if its retention was over at once."""
        return follower.final or await self.get(run_id)

    def follow(self, run: RunRecord, after: int | None) -> Follower:
        """Follow the run's events after a sequence number, or FROM_NOW. Replay needs a resumable run."""
        return self._storage.events.follow(run.run_id, after if run.resumable else FROM_NOW)

    def await_end(self, run: RunRecord) -> Follower:
        """A follower that ends with the run and carries no events."""
        return self._storage.events.follow(run.run_id, END)

    async def cancel(self, run_id: str, action: CancelAction, reason: str) -> bool:
        """End a pending run, or cancel a running one so that its awaiting node learns of it; False if it has ended."""
        left = left_by_rollback(reason) if action == "rollback" else ThreadState()
        ended = await self._storage.runs.cancel_pending(run_id, cancelled(reason), left)
        if ended is None:
            return self._worker.cancel(run_id, action, reason)
        self._worker.retire(ended, forget=action == "rollback")
        if action == "rollback":
            await self._storage.runs.remove(run_id)
        return True
