"""The end of a run: its outcome, what it leaves, what it owes, and the line in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import structlog

from treadle.background import RETRY_PERIOD
from treadle.encoding import encode
from treadle.encryption.sealing import NOT_ENCRYPTED, PATIENCE
from treadle.errors import EncryptionFailed, LeaseLost, StorageUnavailable
from treadle.execution.attempt import End
from treadle.execution.own_threads import left_by, left_by_rollback
from treadle.execution.retention import Retention
from treadle.execution.runner import Attempt
from treadle.graphs.checkpoints import Checkpoints
from treadle.graphs.event_loops import GraphLoop
from treadle.storage.contract.deliveries import Delivery
from treadle.storage.contract.runs import CancelAction, Ending, Outcome, RunRecord
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadState
from treadle.tracebacks import own_traceback

log = structlog.get_logger("treadle.runs")
WebhookFor = Callable[[RunRecord], Delivery | None]
"""Returns the webhook delivery that an ended run owes, or None."""


class Endings:
    """Ends runs: those of attempts, those that never start, and those that are removed before their end."""

    def __init__(
        self,
        storage: Storage,
        checkpoints: Checkpoints,
        loop: GraphLoop,
        retention: Retention,
        webhook_for: WebhookFor,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._checkpoints = checkpoints
        self._loop = loop
        self._retention = retention
        self._webhook_for = webhook_for
        self._clock = clock

    async def conclude(self, attempt: Attempt, end: End) -> bool:
        """Settle the run of an attempt or give it back, and end its log. Returns whether its claim was lost."""
        run, events, ended = attempt.run, self._storage.events, None
        if end.again and attempt.fate == "held" and not attempt.reason:
            attempt.fate = "lost"
        if attempt.fate == "held" or end.outcome.status != "interrupted":
            attempt.fate = "settling"
            ended = await self._settle(attempt, end)
        elif attempt.fate == "given back":
            await self.give_back(run)
        lost = ended is None and attempt.fate != "given back"
        # The log ends only now: a client that sees the end of the stream must find the run settled.
        if ended is not None and ended.outcome is not None:
            self._retention.retire(ended, forget=attempt.action == "rollback")
            _report(run, ended.outcome, end.error, monotonic() - attempt.started)
        elif lost and await self._is_deleted(run):
            events.drop(run.run_id)
        else:
            events.abandon(run.run_id)
        return lost

    async def give_back(self, run: RunRecord) -> None:
        """Let another process begin the attempt again: at once, or after the lease if the store is unavailable."""
        try:
            await self._storage.runs.give_back(run.run_id, run.claim or "")
        except StorageUnavailable as error:
            log.error("a run cannot be given back", run_id=run.run_id, error=str(error))

    async def cancel_pending(self, run: RunRecord, action: CancelAction, reason: str) -> bool:
        """End a run before it starts, and delete it if that is a rollback. False if it is no longer pending."""
        left = left_by_rollback(reason) if action == "rollback" else ThreadState()
        ended = await self._storage.runs.cancel_pending(run.run_id, self._of(run, cancelled(reason), left))
        if ended is None:
            return False
        self._retention.retire(ended, forget=action == "rollback")
        if action == "rollback":
            await self._storage.runs.remove(run.run_id)
        return True

    async def cut_off(self, run: RunRecord, reason: str) -> None:
        """Delete a run that has not ended, as one that was rolled back."""
        latest = await self._storage.runs.get(run.run_id) or run
        ending = self._of(latest, cancelled(reason), left_by_rollback(reason))
        await self._storage.runs.remove(run.run_id, ending)

    def _of(self, run: RunRecord, outcome: Outcome, left: ThreadState) -> Ending:
        """The ending of a run that ends now with this outcome, and leaves this state in a kept thread."""
        at = self._clock()
        owed = None if outcome.error == NOT_ENCRYPTED else self._webhook_for(run.ended_with(outcome, at))
        return Ending(outcome, at, None if run.temporary else left, owed, run)

    async def _settle(self, attempt: Attempt, end: End) -> RunRecord | None:
        """Write the outcome and return the ended run; None if another process has the run or has to begin it again.

        Retries until the store accepts the outcome, or the claim turns out to be lost. An outcome that cannot be
        encrypted in time is replaced by one that says so, and whose webhook is not sent.
        """
        run, rolled_back = attempt.run, attempt.action == "rollback"
        outcome = end.outcome
        if outcome.status == "interrupted":
            outcome = cancelled(attempt.reason, outcome)
        left = left_by_rollback(attempt.reason) if rolled_back else left_by(outcome, end.left)
        if not await self._storage.events.written(run.run_id):
            return None  # a later attempt tells what this one could not
        began = monotonic()
        while True:
            ending = self._of(run, outcome, left)  # anew for each try: retention begins when it is written
            try:
                ended = await self._storage.runs.settle(run.run_id, run.claim or "", ending)
            except LeaseLost:
                if not rolled_back:
                    log.warning("another worker took the run over", run_id=run.run_id)
                    return None
                ended = run.ended_with(outcome, ending.at)  # it was deleted
            except StorageUnavailable as error:
                log.error("an outcome cannot be written; trying again", run_id=run.run_id, error=str(error))
                if isinstance(error, EncryptionFailed) and monotonic() - began > PATIENCE:
                    await self._say_not_encrypted(run)
                    outcome, left = Outcome("error", error=NOT_ENCRYPTED), ThreadState("error", error=NOT_ENCRYPTED)
                await asyncio.sleep(RETRY_PERIOD)
                continue
            if rolled_back:
                await self._forget(run, ending)
            return ended

    async def _say_not_encrypted(self, run: RunRecord) -> None:
        """Tell the followers of a run whose outcome cannot be encrypted."""
        self._storage.events.append(run.run_id, [("error", NOT_ENCRYPTED)])
        await self._storage.events.written(run.run_id)

    async def _is_deleted(self, run: RunRecord) -> bool:
        """Whether another process deleted a run that was under way here. If so, delete its checkpoints."""
        try:
            if await self._storage.runs.get(run.run_id) is not None:
                return False
            await self._delete_written(run)
        except StorageUnavailable as error:
            log.error("a run that was taken away cannot be looked up", run_id=run.run_id, error=str(error))
            return False
        return True

    async def _forget(self, run: RunRecord, ending: Ending) -> None:
        """Delete a run that was rolled back, with its checkpoints; another process may have begun it again."""
        try:
            await self._storage.runs.remove(run.run_id, ending)
            await self._delete_written(run)
        except StorageUnavailable as error:
            log.error("a run that was rolled back cannot be forgotten", run_id=run.run_id, error=str(error))

    async def _delete_written(self, run: RunRecord) -> None:
        """Delete the checkpoints that a run wrote in its kept thread. Raises StorageUnavailable."""
        if not run.temporary:
            await self._loop.call(lambda: self._checkpoints.delete(run.thread_id, run_id=run.run_id))


def cancelled(reason: str, outcome: Outcome | None = None) -> Outcome:
    """The outcome of a cancelled run. Its values so far stay readable."""
    error = encode({"error": "UserInterrupt", "message": reason})
    return replace(outcome or Outcome("interrupted"), cancelled=error)


def _report(run: RunRecord, outcome: Outcome, error: BaseException | None, seconds: float) -> None:
    """Log the end of a run."""
    ids = {"graph": run.graph_id, "run_id": run.run_id, "thread_id": run.thread_id}
    about = {**ids, "status": outcome.status, "ms": round(seconds * 1000, 1)}
    if error is None:
        log.info("run ended", **about)
    else:
        # Clients see a masked text: the log is where the author finds the cause.
        log.error("run failed", **about, exception=own_traceback(error))
