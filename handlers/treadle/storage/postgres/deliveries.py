"""Deliveries in a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt, DeliveryStatus, DeliveryStore
from treadle.storage.postgres.changes import News, PostgresChanges
from treadle.storage.postgres.claiming import claimed
from treadle.storage.postgres.database import Connection, Database, Row
from treadle.storage.rows.deliveries import COLUMNS, attempts_with, delivery_of


class PostgresDeliveryStore(DeliveryStore):
    """The table `deliveries`; rows come into it in the transaction that ends their run."""

    def __init__(
        self,
        database: Database,
        changes: PostgresChanges,
        clock: Callable[[], float],
        graph_ids: Sequence[str],
        *,
        lease: float,
        ttl: float,
    ) -> None:
        self.changed = asyncio.Event()
        self._database = database
        self._changes = changes
        self._clock = clock
        self._graph_ids = list(graph_ids)
        self._lease = lease
        self._ttl = ttl
        self._sql = database.statements(
            "deliveries.sql",
            columns=", ".join(COLUMNS),
            claimed_columns=", ".join(f"claimed.{each}" for each in COLUMNS),
        )

    async def hear(self, news: News) -> None:
        """Another process may have added a delivery."""
        if news.deliveries:
            self.changed.set()

    def announce(self) -> None:
        """A delivery has been added or changed: this process, or another one, may have something to do."""
        self.changed.set()
        self._changes.tell("deliveries")

    async def claim(self, limit: int, without: Collection[str] = ()) -> list[Delivery]:
        now = self._clock()
        claim = self._sql["claim"], (now, now + self._lease, limit, self._graph_ids, list(without))
        rows = await claimed(self._database, claim, self._give_all_back)
        return [delivery_of(row) for row in rows]

    async def next_due(self, without: Collection[str] = ()) -> float | None:
        moment: float | None = await self._database.value(self._sql["next_due"], self._graph_ids, list(without))
        return moment

    async def report(
        self, delivery: Delivery, attempt: DeliveryAttempt, status: DeliveryStatus, due: float | None = None
    ) -> None:
        noted = attempts_with(delivery, attempt)
        which = (delivery.delivery_id, delivery.claim)

        async def work(connection: Connection) -> None:
            if status == "pending":
                await connection.fetch(self._sql["again"], due or delivery.due, noted, *which)
            elif await connection.fetch(self._sql["end"], status, noted, *which):
                await connection.fetch(self._sql["release"], self._clock() + self._ttl, delivery.run_id)
                await connection.fetch(self._sql["drop_orphan"], delivery.delivery_id, delivery.run_id)

        await self._database.write(work)
        self.announce()

    async def give_back(self, delivery: Delivery) -> None:
        await self._database.fetch(self._sql["give_back"], delivery.delivery_id, delivery.claim)
        self.announce()

    async def of_run(self, run_id: str) -> list[Delivery]:
        return [delivery_of(row) for row in await self._database.fetch(self._sql["of_run"], run_id)]

    async def add_in(self, connection: Connection, delivery: Delivery) -> None:
        """Add what an ended run owes; inside a transaction."""
        row = (delivery.delivery_id, delivery.run_id, delivery.graph_id, delivery.host, delivery.url)
        await connection.fetch(self._sql["add"], *row, delivery.body, delivery.due)

    async def _give_all_back(self, rows: Sequence[Row]) -> None:
        for row in rows:
            await self._database.fetch(self._sql["give_back"], row["delivery_id"], row["claim"])
