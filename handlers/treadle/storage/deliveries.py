"""What is owed to the receivers of webhooks: written with the end of a run, kept until it is taken or given up."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from treadle.storage.records import RunRecord

DeliveryStatus = Literal["pending", "delivered", "failed"]

MOMENT = b"\0"
"""Stands in a body for the time at which it is sent, as JSON; no JSON has this byte."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try at a delivery: when it began, how many seconds it took, and the answer's status or what went wrong."""

    at: float
    duration: float
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one run owes to one receiver. The body goes when the delivery has ended."""

    delivery_id: str
    """The same for every attempt: receivers know by it what they have had before."""
    run_id: str
    graph_id: str
    host: str
    """Host and port as in the URL, in lower case; empty for this server itself."""
    url: str
    body: bytes | None
    due: float
    """When the next attempt is to be made, or was."""
    status: DeliveryStatus = "pending"
    attempts: tuple[DeliveryAttempt, ...] = ()
    claim: str | None = None


Owe = Callable[[RunRecord], Delivery | None]
"""What an ended run owes, if anything. It is asked in the transaction that ends the run, on any thread."""


def nothing_owed(ended: RunRecord) -> None:
    """For stores whose runs have no receivers."""


class DeliveryStore(ABC):
    """The outbox. Deliveries come into it with the end of their run, in one transaction: see RunStore.

    A temporary run is not forgotten before its delivery has ended; its retention begins then. A run that is removed
    before leaves its delivery behind, which goes when it has ended.
    """

    changed: asyncio.Event
    """Set when a delivery may have come, by this process or another one."""

    @abstractmethod
    async def claim(self, limit: int, without: Collection[str] = ()) -> list[Delivery]:
        """Take up to `limit` that are due, longest due first, each under a fresh claim; exactly one caller gets each.

        Left out are those to hosts in `without`, and of graphs that this process does not have. A claim that is not
        reported in time is over, and the delivery can be claimed again.
        """

    @abstractmethod
    async def next_due(self, without: Collection[str] = ()) -> float | None:
        """When there may be something to claim again, but for hosts in `without`; None: not before a delivery comes."""

    @abstractmethod
    async def report(
        self, delivery: Delivery, attempt: DeliveryAttempt, status: DeliveryStatus, due: float | None = None
    ) -> None:
        """Note an attempt: the next one is `due`, or the delivery has ended. Without effect if the claim is over."""

    @abstractmethod
    async def give_back(self, delivery: Delivery) -> None:
        """Let it be claimed as if this attempt had not been. Without effect if the claim is over."""

    @abstractmethod
    async def of_run(self, run_id: str) -> list[Delivery]:
        """The run's deliveries, without their bodies; none once it is forgotten and they have ended."""
