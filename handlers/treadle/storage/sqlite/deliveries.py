"""Deliveries in an SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence

import orjson

from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt, DeliveryStatus, DeliveryStore
from treadle.storage.rows.deliveries import COLUMNS, attempts_with, delivery_of
from treadle.storage.sqlite.claiming import claim_each
from treadle.storage.sqlite.database import Database, statements

SQL = {name: text.replace("{columns}", ", ".join(COLUMNS)) for name, text in statements("deliveries.sql").items()}


class SqliteDeliveryStore(DeliveryStore):
    """The table `deliveries`; rows come into it in the transaction that ends their run."""

    def __init__(
        self, database: Database, clock: Callable[[], float], graph_ids: Sequence[str], *, lease: float, ttl: float
    ) -> None:
        self.changed = asyncio.Event()
        self._database = database
        self._clock = clock
        self._graph_ids = orjson.dumps(graph_ids)
        free = (SQL["free"].format(number=number) for number in range(len(graph_ids)))
        self._claimable = SQL["claimable"].format(free=" UNION ALL ".join(free))
        self._lease = lease
        self._ttl = ttl

    async def look(self) -> None:
        """Another process may have added a delivery."""
        self.changed.set()

    async def claim(self, limit: int, without: Collection[str] = ()) -> list[Delivery]:
        now, busy = self._clock(), orjson.dumps(list(without))
        # Looked for before the write lock is taken: most of the time there is nothing.
        if not self._database.read(self._claimable, now, self._graph_ids, 1, busy):
            return []
        rows = await claim_each(
            self._database,
            find=(self._claimable, (now, self._graph_ids, limit, busy)),
            claim=(SQL["claim"], (now + self._lease,)),
            give_back=SQL["give_back"],
        )
        return [delivery_of(row) for row in rows]

    async def next_due(self, without: Collection[str] = ()) -> float | None:
        busy = orjson.dumps(list(without))
        moment: float | None = self._database.read(SQL["next_due"], self._graph_ids, busy)[0][0]
        return moment

    async def report(
        self, delivery: Delivery, attempt: DeliveryAttempt, status: DeliveryStatus, due: float | None = None
    ) -> None:
        noted = attempts_with(delivery, attempt)
        which = (delivery.delivery_id, delivery.claim)

        def work(connection: sqlite3.Connection) -> None:
            if status == "pending":
                connection.execute(SQL["again"], (due or delivery.due, noted, *which))
            elif connection.execute(SQL["end"], (status, noted, *which)).rowcount:
                connection.execute(SQL["release"], (self._clock() + self._ttl, delivery.run_id))
                connection.execute(SQL["drop_orphan"], (delivery.delivery_id, delivery.run_id))

        await self._database.write(work)
        self.changed.set()

    async def give_back(self, delivery: Delivery) -> None:
        which = (delivery.delivery_id, delivery.claim)
        await self._database.write(lambda connection: connection.execute(SQL["give_back"], which))

    async def of_run(self, run_id: str) -> list[Delivery]:
        return [delivery_of(row) for row in self._database.read(SQL["of_run"], run_id)]


def add_delivery(connection: sqlite3.Connection, delivery: Delivery) -> None:
    """Add what an ended run owes, and keep its run until the delivery has ended; inside a transaction."""
    row = (delivery.delivery_id, delivery.run_id, delivery.graph_id, delivery.host, delivery.url, delivery.due)
    connection.execute(SQL["add"], row)
    connection.execute(SQL["add_body"], (delivery.delivery_id, delivery.body))
    connection.execute(SQL["hold"], (delivery.run_id,))
