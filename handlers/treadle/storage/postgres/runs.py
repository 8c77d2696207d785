"""Runs in a PostgreSQL database. Every promise that has to hold between processes is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import orjson

from treadle.errors import LeaseLost, StorageUnavailable
from treadle.storage.contract.runs import (
    CancelRequest,
    Ending,
    IdempotentRequest,
    KeyTaken,
    RunRecord,
    RunStore,
    Status,
)
from treadle.storage.contract.threads import ThreadRecord
from treadle.storage.postgres.changes import PostgresChanges
from treadle.storage.postgres.claiming import claimed
from treadle.storage.postgres.database import Connection, Database, Row
from treadle.storage.postgres.deliveries import PostgresDeliveryStore
from treadle.storage.postgres.event_rows import PostgresEventRows
from treadle.storage.postgres.queue import PostgresQueue
from treadle.storage.postgres.retention import PostgresRetention
from treadle.storage.postgres.threads import PostgresThreadStore
from treadle.storage.rows.runs import COLUMNS, request_of, row_of, run_of

# Seconds for which other processes still find the events of an ended run that is not resumable.
GRACE = 30.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds for which a lease lasts, and for which parts of an ended run are kept."""

    lease: float
    ttl: float
    resumable_ttl: float
    feedback_ttl: float


class PostgresRunStore(RunStore):
    """The table `runs` is the record of every run and the queue of those that wait."""

    def __init__(
        self,
        database: Database,
        leases: Database,
        changes: PostgresChanges,
        clock: Callable[[], float],
        graph_ids: Sequence[str],
        threads: PostgresThreadStore,
        deliveries: PostgresDeliveryStore,
        rows: PostgresEventRows,
        retention: PostgresRetention,
        times: Times,
        queue: PostgresQueue,
    ) -> None:
        self._database = database
        self._leases = leases
        self._changes = changes
        self._clock = clock
        self._graph_ids = list(graph_ids)
        self._threads = threads
        self._deliveries = deliveries
        self._rows = rows
        self._retention = retention
        self._times = times
        self._queue = queue
        self._sql = database.statements(
            "runs.sql", columns=", ".join(COLUMNS), claimed_columns=", ".join(f"claimed.{each}" for each in COLUMNS)
        )
        self._keys = database.statements("keys.sql")
        # Claims under which a run may have ended without an answer to this process.
        self._unanswered: set[str] = set()

    async def add(
        self, records: Sequence[RunRecord], threads: Sequence[ThreadRecord] = (), once: IdempotentRequest | None = None
    ) -> None:
        keyed_until = None if once is None else once.expires_at
        lease = self._clock() + self._times.lease
        rows = [(*row_of(record, lease), keyed_until) for record in records]
        queued = sum(record.status == "pending" for record in records)
        crowded = queued > 0 and self._queue.may_be_full(queued)

        async def work(connection: Connection) -> None:
            if once is not None:
                await self._take(connection, once, records)
            if crowded:
                await self._queue.see_room(connection, records)
            for thread in threads:
                await self._threads.add_in(connection, thread)
            await connection.executemany(self._sql["add"], rows)

        if len(rows) == 1 and not threads and once is None and not crowded:
            await self._database.fetch(self._sql["add"], *rows[0])
        else:
            await self._database.write(work)
        if queued:
            self._changes.tell("runs")

    async def first(self, caller: str, key: str) -> IdempotentRequest | None:
        rows = await self._database.fetch(self._keys["first"], caller, key, self._clock())
        return _once_of(rows[0]) if rows else None

    async def get(self, run_id: str) -> RunRecord | None:
        rows = await self._database.fetch(self._sql["get"], run_id, self._clock())
        return run_of(rows[0]) if rows else None

    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        rows = await self._database.fetch(self._sql["find"], self._clock(), thread_id, status)
        return [run_of(row) for row in rows]

    async def claim(self, limit: int, held: Collection[str] = ()) -> list[RunRecord]:
        now = self._clock()
        claim = self._sql["claim"], (now, now + self._times.lease, limit, self._graph_ids, list(held))
        rows = await claimed(self._leases, claim, self._give_all_back)
        return [run_of(row) for row in rows]

    async def next_due(self, held: Collection[str] = ()) -> float | None:
        moment: float | None = await self._database.value(self._sql["next_due"], self._graph_ids, list(held))
        return moment

    async def renew(self, claims: Mapping[str, str], *, extend: bool) -> dict[str, CancelRequest | None]:
        statement, until = ("extend", [self._clock() + self._times.lease]) if extend else ("held", [])
        rows = await self._leases.fetch(self._sql[statement], list(claims), list(claims.values()), *until)
        return {run_id: request_of(cancel) for run_id, cancel in rows}

    async def give_back(self, run_id: str, claim: str) -> None:
        await self._rows.written()  # what was appended before goes in under this claim
        if await self._database.fetch(self._sql["give_back"], run_id, claim):
            self._changes.tell("runs")

    async def request_cancel(self, run_id: str, request: CancelRequest) -> bool:
        asked = orjson.dumps([request.action, request.reason]).decode()
        if not await self._database.fetch(self._sql["request_cancel"], run_id, request.action, asked):
            return False
        self._changes.tell("runs")
        return True

    async def settle(self, run_id: str, claim: str, ending: Ending) -> RunRecord:
        try:
            ended = await self._end(run_id, claim, ending)
        except StorageUnavailable:
            self._unanswered.add(claim)  # it may have ended all the same
            raise
        if ended is None and claim in self._unanswered:
            ended = await self._ended_under(run_id, claim)
        self._unanswered.discard(claim)
        if ended is None:
            raise LeaseLost
        return ended

    async def cancel_pending(self, run_id: str, ending: Ending) -> RunRecord | None:
        return await self._end(run_id, None, ending)

    async def attach(self, run_ids: Collection[str]) -> None:
        await self._leases.fetch(self._sql["attach"], sorted(run_ids), self._clock() + self._times.lease)

    async def detached(self) -> list[str]:
        return [run_id for (run_id,) in await self._database.fetch(self._sql["detached"], self._clock())]

    async def remove(self, run_id: str, ending: Ending | None = None) -> None:
        async def work(connection: Connection) -> None:
            rows = await connection.fetch(self._sql["lock"], run_id)
            if not rows:
                return
            thread_id, ended_at = rows[0]
            if ending is not None and ending.left is not None:
                await self._threads.leave_in(connection, thread_id, ending.left, ending.at)
            if ending is not None and ending.webhook is not None and ended_at is None:
                await self._deliveries.add_in(connection, ending.webhook)
            await connection.fetch(self._sql["forget"], [run_id])

        await self._database.write(work)
        self._deliveries.announce()
        self._changes.tell("runs")
        self._changes.tell("moved", run_id)

    async def sweep(self) -> tuple[list[str], float | None]:
        return await self._retention.sweep()

    async def _take(self, connection: Connection, once: IdempotentRequest, records: Sequence[RunRecord]) -> None:
        """Take the key for these runs. Raises KeyTaken if an earlier request has it."""
        now = self._clock()
        which = (once.caller, once.key)
        facts = (once.fingerprint, once.expires_at, [record.run_id for record in records])
        if not await connection.fetch(self._keys["take"], *which, *facts, now):
            raise KeyTaken(_once_of((await connection.fetch(self._keys["first"], *which, now))[0]))

    async def _ended_under(self, run_id: str, claim: str) -> RunRecord | None:
        rows = await self._database.fetch(self._sql["settled"], run_id, claim)
        return run_of(rows[0]) if rows else None

    async def _end(self, run_id: str, claim: str | None, ending: Ending) -> RunRecord | None:
        """End a run, and write the state of its thread, the expiry of its events, and its webhook."""
        values = self._outcome(ending)
        left, webhook = ending.left, ending.webhook

        async def work(connection: Connection) -> list[Row]:
            rows = await connection.fetch(self._sql["end"], run_id, claim, *values)
            if rows and left is not None:
                await self._threads.leave_in(connection, rows[0]["thread_id"], left, ending.at)
            if rows and webhook is not None:
                await self._deliveries.add_in(connection, webhook)
            return rows

        if left is None and webhook is None:
            rows = await self._database.fetch(self._sql["end"], run_id, claim, *values)
        else:
            rows = await self._database.write(work)
        if not rows:
            return None
        if webhook is not None:
            self._deliveries.announce()
        self._changes.tell("moved", run_id)
        return run_of(rows[0], ending.run)

    def _outcome(self, ending: Ending) -> tuple[object, ...]:
        outcome, at, times = ending.outcome, ending.at, self._times
        parts = (outcome.values, outcome.error, outcome.interrupts, outcome.cancelled, outcome.feedback)
        size = sum(len(part) for part in parts if part)
        # As long as its links are good, and evicted by size in its turn, as a run with a key.
        links = at + times.feedback_ttl if outcome.feedback is not None else None
        kept = (links, ending.webhook is not None, at + times.ttl, at + times.resumable_ttl, at + GRACE)
        return (outcome.status, at, outcome.first_event_at, *parts, size, *kept)

    async def _give_all_back(self, rows: Sequence[Row]) -> None:
        for row in rows:
            await self.give_back(row["run_id"], row["claim"])


def _once_of(row: Row) -> IdempotentRequest:
    caller, key, fingerprint, expires_at, run_ids = row
    return IdempotentRequest(caller, key, fingerprint, expires_at, tuple(run_ids))
