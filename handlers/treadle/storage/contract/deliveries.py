"""Webhook deliveries: each is written in the transaction that ends its run, and kept until it succeeds or fails."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

DeliveryStatus = Literal["pending", "delivered", "failed"]

MOMENT = b"\0"
"""Placeholder in a body for the JSON of the time of sending. This byte occurs in no JSON document."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt at a delivery: its start `at`, its `duration` in seconds, and the answer's status or an error."""

    at: float
    duration: float
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook request that one run owes to one receiver. The body is deleted when the delivery ends."""

    delivery_id: str
    """The same for every attempt, so that receivers can recognise a repeated delivery."""
    run_id: str
    graph_id: str
    host: str
    """Host and port of the URL, in lower case; empty if the receiver is this server."""
    url: str
    body: bytes | None
    due: float
    """Time of the next attempt, or of the last one after the end."""
    status: DeliveryStatus = "pending"
    attempts: tuple[DeliveryAttempt, ...] = ()
    claim: str | None = None


class DeliveryStore(ABC):
    """The outbox. The transaction that ends a run adds its delivery: see RunStore.

    The retention of a temporary run begins when its delivery has ended. The delivery of a run that is removed earlier
    stays until it has ended.
    """

    changed: asyncio.Event
    """Set when this process or another one may have added a delivery."""

    @abstractmethod
    async def claim(self, limit: int, without: Collection[str] = ()) -> list[Delivery]:
        """Claim up to `limit` due deliveries, the longest due first. Each gets a new claim, and exactly one caller.

        Deliveries to hosts in `without`, and those of graphs that this process does not have, are skipped. A claim
        expires if no attempt is reported in time; then the delivery can be claimed again.
        """

    @abstractmethod
    async def next_due(self, without: Collection[str] = ()) -> float | None:
        """The time of the next claimable delivery to a host that is not in `without`; None if there is none."""

    @abstractmethod
    async def report(
        self, delivery: Delivery, attempt: DeliveryAttempt, status: DeliveryStatus, due: float | None = None
    ) -> None:
        """Record an attempt, and the time `due` of the next one or the end. No effect if the claim has expired."""

    @abstractmethod
    async def give_back(self, delivery: Delivery) -> None:
        """Release the claim without recording an attempt. No effect if the claim has expired."""

    @abstractmethod
    async def of_run(self, run_id: str) -> list[Delivery]:
        """The deliveries of the run, without bodies. Empty when the run is deleted and its deliveries have ended."""
