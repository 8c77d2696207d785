"""The limit of the run queue, without counting the queue for each run."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from treadle.storage.contract.queue_limit import QueueLimit
from treadle.storage.contract.runs import RunRecord
from treadle.storage.postgres.database import Connection, Database

# Seconds for which a count says how full the queue is, and the share of the limit by which it may have grown since.
FRESH = 1.0
SHARE = 0.1
# Runs that all processes may be adding at once, uncounted.
MARGIN = 1000


class PostgresQueue:
    """Counts the pending runs when the queue may be full. Near the limit, adds follow one another and are exact."""

    def __init__(self, database: Database, limit: QueueLimit) -> None:
        self._limit = limit
        self._sql = database.statements("queue.sql")
        self._room = 0
        self._counted = -FRESH

    def may_be_full(self, added: int) -> bool:
        """Whether the runs have to be counted before so many are added."""
        if not self._limit.most:
            return False
        self._room -= added
        return self._room < 0 or monotonic() - self._counted > FRESH

    async def see_room(self, connection: Connection, records: Sequence[RunRecord]) -> None:
        """Raise the refusal if the queue has no room for the pending ones of these runs; inside a transaction."""
        most = self._limit.most
        queued: int = await connection.fetchval(self._sql["queued"], most + 1)
        self._counted = monotonic()
        self._room = round(most * (1 - SHARE)) - queued - len(records) - MARGIN
        if self._room < 0:
            await connection.fetch(self._sql["lock_queue"])
            queued = await connection.fetchval(self._sql["queued"], most + 1)
        if not self._limit.admits(records, lambda: queued):
            raise self._limit.refusal(records)
