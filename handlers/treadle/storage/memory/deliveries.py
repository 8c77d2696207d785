"""Deliveries in this process's memory. Confined to one event loop."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import count

from uuid_utils import uuid4

from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt, DeliveryStatus, DeliveryStore

_Queue = list[tuple[float, int, str]]  # a heap: due, order, delivery_id


class MemoryDeliveryStore(DeliveryStore):
    """A dict, and a heap of due times. With a single process, claims do not expire."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.changed = asyncio.Event()
        self._clock = clock
        self._deliveries: dict[str, Delivery] = {}
        self._of_run: dict[str, list[str]] = {}
        self._due: dict[str, _Queue] = {}  # by host
        self._order = count()
        self._pending = 0
        self.release: Callable[[str], bool] = lambda run_id: False
        """Told of a run that owes nothing any more; whether there is such a run."""

    def add(self, delivery: Delivery) -> None:
        """WebhookFor it from now on."""
        self._pending += 1
        self._deliveries[delivery.delivery_id] = delivery
        self._of_run.setdefault(delivery.run_id, []).append(delivery.delivery_id)
        self._queue(delivery)

    def forget(self, run_id: str) -> None:
        """The run is forgotten, and with it the deliveries that have ended."""
        for delivery_id in list(self._of_run.get(run_id, ())):
            if self._deliveries[delivery_id].status != "pending":
                self._drop(self._deliveries[delivery_id])

    @property
    def owing(self) -> bool:
        """Whether any delivery has not ended."""
        return self._pending > 0

    async def claim(self, limit: int, without: Collection[str] = ()) -> list[Delivery]:
        now = self._clock()
        claimed: list[Delivery] = []
        while len(claimed) < limit and (queue := self._first(without)) and queue[0][0] <= now:
            delivery = replace(self._deliveries[heapq.heappop(queue)[2]], claim=str(uuid4()))
            if not queue:
                del self._due[delivery.host]
            self._deliveries[delivery.delivery_id] = delivery
            claimed.append(delivery)
        return claimed

    async def next_due(self, without: Collection[str] = ()) -> float | None:
        queue = self._first(without)
        return queue[0][0] if queue else None

    async def report(
        self, delivery: Delivery, attempt: DeliveryAttempt, status: DeliveryStatus, due: float | None = None
    ) -> None:
        if not self._holds(delivery):
            return
        noted = replace(
            delivery, attempts=(*delivery.attempts, attempt), status=status, due=due or delivery.due, claim=None
        )
        if status == "pending":
            self._deliveries[delivery.delivery_id] = noted
            self._queue(noted)
            return
        self._pending -= 1
        if self.release(delivery.run_id):
            self._deliveries[delivery.delivery_id] = replace(noted, body=None)
        else:
            self._drop(noted)

    async def give_back(self, delivery: Delivery) -> None:
        if self._holds(delivery):
            self._deliveries[delivery.delivery_id] = replace(delivery, claim=None)
            self._queue(delivery)

    async def of_run(self, run_id: str) -> list[Delivery]:
        return [replace(self._deliveries[delivery_id], body=None) for delivery_id in self._of_run.get(run_id, ())]

    def _holds(self, delivery: Delivery) -> bool:
        known = self._deliveries.get(delivery.delivery_id)
        return known is not None and known.claim is not None and known.claim == delivery.claim

    def _first(self, without: Collection[str]) -> _Queue | None:
        """The queue of the host whose next delivery is due first."""
        return min((queue for host, queue in self._due.items() if host not in without), default=None)

    def _queue(self, delivery: Delivery) -> None:
        queue = self._due.setdefault(delivery.host, [])
        heapq.heappush(queue, (delivery.due, next(self._order), delivery.delivery_id))
        self.changed.set()

    def _drop(self, delivery: Delivery) -> None:
        del self._deliveries[delivery.delivery_id]
        siblings = self._of_run[delivery.run_id]
        siblings.remove(delivery.delivery_id)
        if not siblings:
            del self._of_run[delivery.run_id]
