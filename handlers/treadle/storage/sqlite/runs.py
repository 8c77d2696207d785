"""Runs in an SQLite file. Every promise that has to hold between processes is one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence

import orjson

from treadle.errors import LeaseLost, TreadleError
from treadle.storage.contract.queue_limit import QueueLimit
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
from treadle.storage.rows.runs import COLUMNS, request_of, row_of, run_of
from treadle.storage.sqlite import keys
from treadle.storage.sqlite.claiming import claim_each
from treadle.storage.sqlite.database import Database, Row, statements
from treadle.storage.sqlite.deliveries import SqliteDeliveryStore, add_delivery
from treadle.storage.sqlite.threads import add_thread, leave

SQL = {name: text.replace("{columns}", ", ".join(COLUMNS)) for name, text in statements("runs.sql").items()}
EVENTS = statements("events.sql")
# Runs and events that one transaction forgets at most, so that no other write waits long for it.
CHUNK = 10
EVENTS_AT_ONCE = 500
# Seconds for which other processes still find the events of an ended run that is not resumable.
GRACE = 30.0


class SqliteRunStore(RunStore):
    """The table `runs` is the record of every run and the queue of those that wait."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        graph_ids: Sequence[str],
        deliveries: SqliteDeliveryStore,
        *,
        lease: float,
        ttl: float,
        resumable_ttl: float,
        feedback_ttl: float,
        retention_bytes: int,
        queue_limit: QueueLimit,
    ) -> None:
        self._database = database
        self._clock = clock
        self._deliveries = deliveries
        self._graph_ids = orjson.dumps(graph_ids)
        pending = (SQL["pending"].format(number=number) for number in range(len(graph_ids)))
        self._claimable = SQL["claimable"].format(pending=" UNION ALL ".join(pending))
        self._lease = lease
        self._ttl = ttl
        self._resumable_ttl = resumable_ttl
        self._feedback_ttl = feedback_ttl
        self._retention_bytes = retention_bytes
        self._queue_limit = queue_limit

    async def add(
        self, records: Sequence[RunRecord], threads: Sequence[ThreadRecord] = (), once: IdempotentRequest | None = None
    ) -> None:
        now = self._clock()
        rows = [row_of(record, now + self._lease) for record in records]

        def work(connection: sqlite3.Connection) -> IdempotentRequest | TreadleError | None:
            if once is not None and (earlier := keys.earlier(connection, once, now)):
                return earlier
            # Before anything is written: a refusal must not cost the other writes in this commit anything.
            if not self._queue_limit.admits(records, lambda: connection.execute(SQL["queued"]).fetchone()[0]):
                return self._queue_limit.refusal(records)
            for thread in threads:
                add_thread(connection, thread)
            connection.executemany(SQL["add"], rows)
            if once is not None:
                keys.take(connection, once, records)
            return None

        # Not raised inside: an exception there makes the rest of its group repeat their writes.
        refused = await self._database.write(work)
        if isinstance(refused, TreadleError):
            raise refused
        if refused is not None:
            raise KeyTaken(refused)

    async def first(self, caller: str, key: str) -> IdempotentRequest | None:
        rows = self._database.read(keys.SQL["first"], caller, key, self._clock())
        return keys.as_once(rows[0]) if rows else None

    async def get(self, run_id: str) -> RunRecord | None:
        rows = self._database.read(SQL["get"], run_id, self._clock())
        return run_of(rows[0]) if rows else None

    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        name = {(False, False): "find_all", (False, True): "find_status", (True, False): "find_thread"}.get(
            (thread_id is not None, status is not None), "find_thread_status"
        )
        # The status is a literal, so that SQLite uses the partial index for pending or running runs.
        statement = SQL[name].replace("{status}", status or "")
        parameters = [] if thread_id is None else [thread_id]
        return [run_of(row) for row in self._database.read(statement, *parameters, self._clock())]

    async def claim(self, limit: int, held: Collection[str] = ()) -> list[RunRecord]:
        now = self._clock()
        which = (self._graph_ids, orjson.dumps(list(held)))
        # Looked for before the write lock is taken: most of the time there is nothing.
        if not self._database.read(self._claimable, now, 1, *which):
            return []
        rows = await claim_each(
            self._database,
            find=(self._claimable, (now, limit, *which)),
            claim=(SQL["claim"], (now + self._lease, now, now)),
            give_back=SQL["give_back"],
        )
        return [run_of(row) for row in rows]

    async def next_due(self, held: Collection[str] = ()) -> float | None:
        which = (self._graph_ids, orjson.dumps(list(held)))
        moment: float | None = self._database.read(SQL["next_due"], *which)[0][0]
        return moment

    async def renew(self, claims: Mapping[str, str], *, extend: bool) -> dict[str, CancelRequest | None]:
        if extend:
            until = self._clock() + self._lease
            rows = [(until, run_id, claim) for run_id, claim in claims.items()]
            await self._database.write(lambda connection: connection.executemany(SQL["extend"], rows))
        return {
            run_id: request_of(cancel)
            for run_id, claim, cancel in self._database.read(SQL["held"])
            if claims.get(run_id) == claim
        }

    async def give_back(self, run_id: str, claim: str) -> None:
        await self._database.write(lambda connection: connection.execute(SQL["give_back"], (run_id, claim)))

    async def request_cancel(self, run_id: str, request: CancelRequest) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute(SQL["wanted"], (run_id,)).fetchone()
            before = request_of(row[0]) if row else None
            news = row is not None and (before is None or (before.action, request.action) == ("interrupt", "rollback"))
            if news:
                connection.execute(SQL["request_cancel"], (orjson.dumps([request.action, request.reason]), run_id))
            return news

        return await self._database.write(work)

    async def settle(self, run_id: str, claim: str, ending: Ending) -> RunRecord:
        ended = await self._end("settle", (run_id, claim), ending)
        if ended is None:
            raise LeaseLost
        return ended

    async def cancel_pending(self, run_id: str, ending: Ending) -> RunRecord | None:
        return await self._end("cancel_pending", (run_id,), ending)

    async def attach(self, run_ids: Collection[str]) -> None:
        until = self._clock() + self._lease
        rows = [(until, run_id) for run_id in run_ids]
        await self._database.write(lambda connection: connection.executemany(SQL["attach"], rows))

    async def detached(self) -> list[str]:
        return [run_id for (run_id,) in self._database.read(SQL["detached"], self._clock())]

    async def remove(self, run_id: str, ending: Ending | None = None) -> None:
        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(SQL["find"], (run_id,)).fetchone()
            if row is None:
                return
            run = run_of(row)
            if ending is not None:
                leave(connection, run.thread_id, ending.left, ending.at)
                if ending.webhook is not None and run.ended_at is None:
                    add_delivery(connection, ending.webhook)
            _forget(connection, run_id)

        await self._database.write(work)
        self._deliveries.changed.set()

    async def sweep(self) -> tuple[list[str], float | None]:
        gone: list[str] = []
        more = True
        while more:
            some, more = await self._database.write(self._sweep_some)
            gone += some
        upcoming = [self._database.read(statement)[0][0] for statement in (SQL["next_expiry"], keys.SQL["next_expiry"])]
        return gone, min((moment for moment in upcoming if moment is not None), default=None)

    def _sweep_some(self, connection: sqlite3.Connection) -> tuple[list[str], bool]:
        """Delete some expired runs, or runs beyond the retained size: their ids, and whether more may be left."""
        now = self._clock()
        connection.execute(EVENTS["gone"], (now,))
        unread = connection.execute(EVENTS["expired"], (now, CHUNK)).fetchall()
        room = EVENTS_AT_ONCE
        for (run_id,) in unread:
            room -= connection.execute(EVENTS["drop_some"], (run_id, room)).rowcount
            if room > 0:
                connection.execute(EVENTS["keep_no_more"], (run_id,))
        over = connection.execute(SQL["expired"], (now, CHUNK)).fetchall()
        gone = [run_id for (run_id,) in over]
        for run_id in gone:
            _forget(connection, run_id)
        while len(gone) < CHUNK and connection.execute(SQL["ended_bytes"]).fetchone()[0] > self._retention_bytes:
            row = connection.execute(SQL["oldest"], (now,)).fetchone()
            if row is None:  # all that is left is being read
                break
            (run_id,) = row
            _forget(connection, run_id)
            gone.append(run_id)
        more_keys = keys.forget_some(connection, now)
        return gone, more_keys or room <= 0 or CHUNK in (len(gone), len(unread))

    async def _end(self, statement: str, which: Row, ending: Ending) -> RunRecord | None:
        """End a run, and write the state of its thread, the expiry of its events, and its webhook."""
        outcome, at = ending.outcome, ending.at
        parts = (outcome.values, outcome.error, outcome.interrupts, outcome.cancelled, outcome.feedback)
        size = sum(len(part) for part in parts if part)
        values = (outcome.status, at, at, at + self._ttl, outcome.first_event_at, *parts, size, *which)

        def work(connection: sqlite3.Connection) -> RunRecord | None:
            row: Row | None = connection.execute(SQL[statement], values).fetchone()
            if row is None:
                return None
            run_id, thread_id, shared = row[0], row[1], row[5]
            leave(connection, thread_id, ending.left, at)
            if shared:
                connection.execute(EVENTS["keep_until"], (at + self._resumable_ttl, at + GRACE, run_id))
            if outcome.feedback is not None:
                # As long as its links are good, and evicted by size in its turn, as a run with a key.
                row = connection.execute(SQL["keep_for_links"], (at + self._feedback_ttl, run_id)).fetchone()
            ended = run_of(row, ending.run)
            if ending.webhook is None:
                return ended
            add_delivery(connection, ending.webhook)
            return ended._replace(expires_at=None)

        ended = await self._database.write(work)
        if ended is not None and ending.webhook is not None:
            self._deliveries.changed.set()
        return ended


def _forget(connection: sqlite3.Connection, run_id: str) -> None:
    connection.execute(SQL["remove"], (run_id,))
    connection.execute(EVENTS["drop"], (run_id,))
    connection.execute(EVENTS["keep_no_more"], (run_id,))
