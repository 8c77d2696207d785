"""The life of runs: create, read, follow, wait for and cancel them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from uuid import UUID

from treadle.errors import RunNotFound, ShuttingDown
from treadle.execution.attempts import Attempts
from treadle.execution.endings import Endings, cancelled
from treadle.execution.own_threads import kept_threads
from treadle.execution.worker import Worker
from treadle.runs.attachments import Attachment, Attachments
from treadle.storage.contract.deliveries import Delivery
from treadle.storage.contract.events import END, FROM_NOW, Follower
from treadle.storage.contract.runs import ENDED, CancelAction, CancelRequest, IdempotentRequest, RunRecord, Status
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadTtl

# Seconds that a run of another process, which was told to end, is waited for before it is forgotten all the same.
LINGERING = 5.0
# Seconds between two looks whether another process has deleted a run.
DELETED_PERIOD = 0.01
# Why a run is cancelled whose client was at a process that is gone.
GONE = "client disconnected with the process that it was connected to"


def no_run(run_id: str) -> str:
    """The message about a run that is unknown to the caller."""
    return f"There is no run {run_id}, or its outcome is no longer kept"


class Runs:
    """The life of runs over a storage and a worker. A run ends in exactly one terminal state."""

    def __init__(
        self,
        storage: Storage,
        worker: Worker,
        attempts: Attempts,
        endings: Endings,
        *,
        thread_ttl: ThreadTtl,
        lease: float,
    ) -> None:
        self._storage = storage
        self._worker = worker
        self._attempts = attempts
        self._endings = endings
        self.thread_ttl = thread_ttl
        """How long a kept thread stays, if it does not say."""
        self._attachments = Attachments(storage, lease, lambda run_id: self.cancel(run_id, "interrupt", GONE))
        self._closing = False

    def start(self) -> None:
        """Begin to look after clients without which their runs are cancelled."""
        self._attachments.start()

    async def stop(self) -> None:
        """Look after them no longer."""
        await self._attachments.stop()

    @property
    def closing(self) -> bool:
        """Whether new runs are refused."""
        return self._closing

    async def until_over(self, thread_id: str) -> None:
        """Wait until no run of the thread is under way in this process, deleted runs included."""
        await self._attempts.until_over(thread_id)

    def close(self) -> None:
        """Refuse new runs from now on, with ShuttingDown (503), and start none that waits."""
        self._closing = True
        self._worker.close()

    def skip_grace(self) -> None:
        """Do not wait for runs to end when the worker stops."""
        self._worker.skip_grace()

    async def create(self, runs: Sequence[RunRecord], once: IdempotentRequest | None = None) -> None:
        """Commit new pending runs, all or none, and see to their start.

        Raises KeyTaken, and creates none, if the key of `once` stands for an earlier request.
        """
        self._check_open()
        if len(runs) == 1:
            runs = [self._worker.admit(runs[0])]
        with self._adding(runs):
            await self._storage.runs.add(runs, kept_threads(runs, self.thread_ttl), once)

    async def create_and_follow(
        self, run: RunRecord, after: int, once: IdempotentRequest | None = None, *, attached: bool = False
    ) -> Follower:
        """Create one run and follow it from the event after `after`: 0 for all of them, END for none.

        `attached`: it is cancelled if its client leaves, also if that is because this process is killed.
        Raises KeyTaken, and creates none, if the key of `once` stands for an earlier request.
        """
        self._check_open()
        run = self._worker.admit(run)
        if attached:
            run = run._replace(attached_until=self._attachments.until())
        if run.claim is None:  # the process that will run it has to write its events to the store
            run = run._replace(shared=after != END)
        with self._adding([run]):
            # Before the run is added: then nothing can fail any more that its client would take for a refusal.
            follower = await self._storage.events.follow(run.run_id, after)
            try:
                await self._storage.runs.add([run], kept_threads([run], self.thread_ttl), once)
            except BaseException:  # a cut connection too: events would be kept for the follower
                follower.close()
                raise
        return follower

    def _check_open(self) -> None:
        if self._closing:
            raise ShuttingDown

    @contextmanager
    def _adding(self, runs: Sequence[RunRecord]) -> Iterator[None]:
        """While new runs are committed: start them afterwards, or leave nothing of them if that fails."""
        try:
            for run in runs:
                self._storage.events.expect(run)
            yield
        except BaseException:  # a cut connection too: a slot must not be lost
            for run in runs:
                self._storage.events.drop(run.run_id)
            self._worker.withdraw(runs)
            raise
        self._worker.start_runs(runs)

    async def get(self, run_id: str) -> RunRecord:
        """The run. Raises RunNotFound (404) if it is unknown or its retention has ended."""
        record = await self._storage.runs.get(run_id)
        if record is None:
            raise RunNotFound(no_run(run_id))
        return record

    async def get_of_thread(self, thread_id: UUID, run_id: UUID) -> RunRecord:
        """The run, if it is one of the thread's. Raises RunNotFound (404)."""
        run = await self.get(str(run_id))
        if run.thread_id != str(thread_id):
            raise RunNotFound(no_run(str(run_id)))  # no more than of an unknown one: it may be another user's
        return run

    async def see_store(self) -> None:
        """Return if the store answers. Raises StorageUnavailable (503)."""
        await self._storage.runs.get("")  # no run has this id

    async def deliveries(self, run: RunRecord) -> list[Delivery]:
        """The webhook deliveries of the run, ended ones included."""
        return await self._storage.deliveries.of_run(run.run_id) if run.kwargs.webhook else []

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
        unfinished = run.unreadable is None and (
            await self.cancel(run.run_id, "rollback", reason) or run.status not in ENDED
        )
        if unfinished and not self._attempts.holds(run.run_id):
            await self._until_over_elsewhere(run)
        if unfinished:
            await self._endings.cut_off(run, reason)
        else:
            await self._storage.runs.remove(run.run_id)
        if not self._attempts.holds(run.run_id):
            self._storage.events.drop(run.run_id)

    async def _until_over_elsewhere(self, run: RunRecord) -> None:
        """Wait up to LINGERING seconds for the process that runs it: the run must not write after its deletion."""
        follower = await self.await_end(run)
        with suppress(TimeoutError), closing(follower):
            async with asyncio.timeout(LINGERING):
                while not follower.ended:
                    await follower.next()

    async def until_deleted(self, run_id: str) -> None:
        """Wait up to LINGERING seconds until a run that was rolled back is deleted.

        The process that ran it deletes it just after its end, which other processes see first.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGERING):
                while (run := await self._storage.runs.get(run_id)) and run.status == "interrupted":  # noqa: ASYNC110
                    await asyncio.sleep(DELETED_PERIOD)

    async def ended(self, run: RunRecord, follower: Follower) -> RunRecord:
        """The ended run, for a caller that followed it to its end, even if it was deleted at once."""
        known = follower.final or await self._storage.runs.get(run.run_id)
        return known or run._replace(status="interrupted", outcome=cancelled("the run is no longer kept"))

    async def follow(self, run: RunRecord, after: int | None) -> Follower:
        """Follow the run's events after a sequence number, or FROM_NOW. Replay needs a resumable run."""
        return await self._storage.events.follow(run.run_id, after if run.resumable else FROM_NOW)

    def attached(self, run: RunRecord, reason: str, *, known: bool = False) -> Attachment:
        """A client whose leaving cancels the run for this reason. `known`: it was created `attached`."""
        leave = partial(self.cancel, run.run_id, "interrupt", reason)
        return Attachment(self._attachments, run.run_id, leave, known=known)

    def present(self, run: RunRecord) -> Attachment | None:
        """A client whose leaving changes nothing by itself; but while it is here, a run that has to have a client has
        one. None if the run does without.
        """
        return None if run.attached_until is None else Attachment(self._attachments, run.run_id)

    async def await_end(self, run: RunRecord) -> Follower:
        """A follower that ends with the run and carries no events."""
        return await self._storage.events.follow(run.run_id, END)

    async def cancel(self, run_id: str, action: CancelAction, reason: str) -> bool:
        """End a pending run, or cancel a running one so that its awaiting node learns of it; False if it has ended."""
        run = await self._storage.runs.get(run_id)
        if run is not None and run.ended_at is None and await self._endings.cancel_pending(run, action, reason):
            return True
        if self._attempts.holds(run_id):
            return self._attempts.cancel(run_id, action, reason)
        told = await self._storage.runs.request_cancel(run_id, CancelRequest(action, reason))
        # It may have been about to start here, its commit just made.
        return self._attempts.cancel(run_id, action, reason) if self._attempts.holds(run_id) else told
