"""A store of runs that encrypts them, over any backend."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import structlog

from treadle.encryption.current import current_context
from treadle.encryption.event_rows import EncryptedEventRows
from treadle.encryption.records import Records, context_of
from treadle.encryption.sealing import Sealing, each
from treadle.errors import EncryptionFailed
from treadle.storage.contract.runs import (
    CancelRequest,
    Ending,
    IdempotentRequest,
    KeyTaken,
    RunKwargs,
    RunRecord,
    RunStore,
    Status,
)
from treadle.storage.contract.threads import ThreadRecord

# Runs of one request that are encrypted at once.
PART = 50
log = structlog.get_logger("treadle.encryption")


class EncryptedRunStore(RunStore):
    """Seals runs with the context of their request, and opens them again. Raises EncryptionFailed (500)."""

    def __init__(self, inner: RunStore, sealing: Sealing, rows: EncryptedEventRows | None, *, attempts: int) -> None:
        """`rows`, of a store that processes share: there a claim that is not renewed ends, and a run that cannot be
        decrypted is claimed up to `attempts` times.
        """
        self.inner = inner
        self._here = sealing.here
        self._records = Records(sealing)
        self._rows = rows
        self._attempts = attempts if rows is not None else 0

    async def add(
        self, records: Sequence[RunRecord], threads: Sequence[ThreadRecord] = (), once: IdempotentRequest | None = None
    ) -> None:
        context = next((run.encryption for run in records if run.encryption is not None), current_context()) or {}

        async def sealed() -> tuple[list[RunRecord], list[ThreadRecord], IdempotentRequest | None]:
            runs, kept = [], []
            for start in range(0, max(len(records), len(threads)), PART):
                part = slice(start, start + PART)
                runs += await each(lambda run: self._records.seal_run(_with(context, run)), records[part])
                kept += await each(lambda thread: self._records.seal_thread(context, thread), threads[part])
            return runs, kept, await self._records.seal_once(context, once)

        runs, kept, asked = await self._here(sealed)
        try:
            await self.inner.add(runs, kept, asked)
        except KeyTaken as taken:
            earlier = taken.earlier
        else:
            return
        raise KeyTaken(await self._here(lambda: self._records.open_once(earlier)))

    async def first(self, caller: str, key: str) -> IdempotentRequest | None:
        found = await self.inner.first(caller, key)
        return None if found is None else await self._here(lambda: self._records.open_once(found))

    async def get(self, run_id: str) -> RunRecord | None:
        found = await self.inner.get(run_id)
        return None if found is None else await self._here(lambda: self._records.open_run(found))

    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        """As promised. A run that cannot be decrypted is `unreadable`: it costs the others nothing."""
        found = await self.inner.find(thread_id=thread_id, status=status)
        return await self._here(lambda: each(self._found, found)) if found else []

    async def _found(self, run: RunRecord) -> RunRecord:
        try:
            return await self._records.open_run(run)
        except EncryptionFailed as error:
            return _unreadable(run, error)

    async def claim(self, limit: int, held: Collection[str] = ()) -> list[RunRecord]:
        """As promised, and a run that cannot be decrypted costs the others nothing.

        Where claims are leases, it is left to its lease, and to other processes, as often as a run may be attempted;
        then it is returned as `unreadable`.
        """
        claimed = await self.inner.claim(limit, held)
        if not claimed:
            return []
        try:
            opened = await self._here(lambda: each(self._claimed, claimed))
        except asyncio.CancelledError:  # nobody will carry them out here
            await asyncio.shield(each(lambda run: self.inner.give_back(run.run_id, run.claim or ""), claimed))
            raise
        return [run for run in opened if run is not None]

    async def _claimed(self, run: RunRecord) -> RunRecord | None:
        try:
            return await self._records.open_run(run)
        except EncryptionFailed as error:
            log.error("a run cannot be decrypted", run_id=run.run_id, attempt=run.attempt, error=str(error))
            return None if run.attempt < self._attempts else _unreadable(run, error)

    async def next_due(self, held: Collection[str] = ()) -> float | None:
        return await self.inner.next_due(held)

    async def renew(self, claims: Mapping[str, str], *, extend: bool) -> dict[str, CancelRequest | None]:
        return await self.inner.renew(claims, extend=extend)

    async def give_back(self, run_id: str, claim: str) -> None:
        if self._rows is not None:  # events that are being encrypted are written under this claim
            await self._rows.until_written(run_id)
        await self.inner.give_back(run_id, claim)

    async def request_cancel(self, run_id: str, request: CancelRequest) -> bool:
        return await self.inner.request_cancel(run_id, request)

    async def settle(self, run_id: str, claim: str, ending: Ending) -> RunRecord:
        sealed = await self._here(lambda: self._records.seal_ending(ending))
        return await self._ended(await self.inner.settle(run_id, claim, sealed), ending)

    async def cancel_pending(self, run_id: str, ending: Ending) -> RunRecord | None:
        sealed = await self._here(lambda: self._records.seal_ending(ending))
        ended = await self.inner.cancel_pending(run_id, sealed)
        return None if ended is None else await self._ended(ended, ending)

    async def attach(self, run_ids: Collection[str]) -> None:
        await self.inner.attach(run_ids)

    async def detached(self) -> list[str]:
        return await self.inner.detached()

    async def remove(self, run_id: str, ending: Ending | None = None) -> None:
        sealed = None if ending is None else await self._here(lambda: self._records.seal_ending(ending))
        await self.inner.remove(run_id, sealed)

    async def sweep(self) -> tuple[list[str], float | None]:
        return await self.inner.sweep()

    async def _ended(self, ended: RunRecord, ending: Ending) -> RunRecord:
        """The ended run. What its process knows need not be decrypted."""
        run = ending.run
        if run is None:
            return await self._here(lambda: self._records.open_run(ended))
        known = ended._replace(metadata=run.metadata, kwargs=run.kwargs, encryption=run.encryption)
        return known._replace(outcome=ending.outcome)


def _unreadable(run: RunRecord, error: EncryptionFailed) -> RunRecord:
    known = RunKwargs(temporary=run.temporary, resumable=run.resumable)
    return run._replace(metadata={}, kwargs=known, outcome=None, encryption=context_of(run), unreadable=str(error))


def _with(context: dict[str, object], run: RunRecord) -> RunRecord:
    return run if run.encryption is not None else run._replace(encryption=context)
