"""The outbox: claims due deliveries, sends them, and decides whether and when to try again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from time import monotonic

import structlog

from treadle.background import RETRY_PERIOD, forever
from treadle.errors import StorageUnavailable
from treadle.outbox.hosts import TAKEN_AT_ONCE, Hosts
from treadle.outbox.sending import Answer, Sender, Undeliverable
from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt, DeliveryStore

log = structlog.get_logger("treadle.outbox")
AT_ONCE = 64
"""Attempts under way in one process."""
# The longest wait after the first attempt that failed, and after any, in seconds.
FIRST_WAIT, LONGEST_WAIT = 1.0, 3600.0
# How long attempts may take to end at a shutdown, in seconds.
LAST_ATTEMPTS = 2.0
GONE = 410


class Outbox:
    """Delivers the webhooks of ended runs, each at least once, until the receiver accepts it or it is given up."""

    def __init__(
        self, deliveries: DeliveryStore, sender: Sender, *, attempts: int, durable: bool, clock: Callable[[], float]
    ) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._attempts_in_all = attempts
        self._durable = durable
        self._clock = clock
        self._hosts = Hosts()
        self._under_way: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(forever(self._deliver_forever))

    async def stop(self) -> None:
        """Begin no more attempts; those under way get a moment to end, and are given back otherwise."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        if not self._durable:
            await self._take()  # deliveries that are not sent now are lost
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LAST_ATTEMPTS)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _deliver_forever(self) -> None:
        store = self._deliveries
        while True:
            store.changed.clear()
            try:
                # In this order: of the pauses that are not over for the store, none may be over for us.
                opens = self._hosts.next_open()
                due = await store.next_due(self._hosts.closed())
                if due is not None and due <= self._clock() and await self._take():
                    continue
            except StorageUnavailable as error:
                log.error("webhooks cannot be looked up; trying again", error=str(error))
                await asyncio.sleep(RETRY_PERIOD)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until(due, opens)):
                    await store.changed.wait()

    def _until(self, due: float | None, opens: float | None) -> float | None:
        """Seconds until there may be something to take; None: not before something changes."""
        if len(self._under_way) >= AT_ONCE:
            return None  # an attempt that ends wakes us
        waits = [] if due is None else [due - self._clock()]
        waits += [] if opens is None else [opens - monotonic()]
        return max(min(waits), 0) if waits else None

    async def _take(self) -> int:
        """Begin attempts at due deliveries, within the limits of all and of each host; return their number."""
        begun = 0
        while (limit := min(AT_ONCE - len(self._under_way), TAKEN_AT_ONCE)) > 0:
            taken = await self._deliveries.claim(limit, self._hosts.closed())
            begun += len(taken)
            for delivery in taken:
                task = asyncio.create_task(self._attempt(delivery, self._hosts.begin(delivery.host)))
                self._under_way.add(task)
                task.add_done_callback(self._over)
            if len(taken) < limit:
                break
        return begun

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._deliveries.changed.set()

    async def _attempt(self, delivery: Delivery, began: float) -> None:
        at, started = self._clock(), monotonic()
        answer, error, answered = None, None, None
        try:
            if delivery.body is None:
                raise Undeliverable("it cannot be decrypted")
            answer = await self._sender.send(delivery, at)
            answered = True
        except asyncio.CancelledError:
            with suppress(StorageUnavailable):
                await self._deliveries.give_back(delivery)
            raise
        except Undeliverable as reason:
            error, answered = str(reason), False
        except Exception as reason:  # a defect here must not end the deliveries of others
            log.error("an attempt at a webhook failed", run_id=delivery.run_id, exc_info=reason)
            error = type(reason).__name__
        finally:
            self._hosts.end(delivery.host, began, answered=answered)
        status = None if answer is None else answer.status
        attempt = DeliveryAttempt(at, monotonic() - started, status, error)
        try:
            await self._report(delivery, attempt, answer)
        except StorageUnavailable as failure:
            # Its claim ends by itself, and the attempt is made again.
            log.error("an attempt at a webhook cannot be noted", run_id=delivery.run_id, error=str(failure))

    async def _report(self, delivery: Delivery, attempt: DeliveryAttempt, answer: Answer | None) -> None:
        tried = len(delivery.attempts) + 1
        about = {"run_id": delivery.run_id, "delivery_id": delivery.delivery_id, "attempts": tried}
        said = attempt.error or attempt.status_code
        if answer is not None and 200 <= answer.status < 300:
            await self._deliveries.report(delivery, attempt, "delivered")
            log.info("webhook delivered", **about)
        elif tried >= self._attempts_in_all or (answer is not None and answer.status == GONE):
            await self._deliveries.report(delivery, attempt, "failed")
            log.warning("webhook given up", **about, last=said)
        else:
            now = self._clock()
            due = now + wait_after(tried, None if answer is None else answer.retry_after, now)
            await self._deliveries.report(delivery, attempt, "pending", due)
            log.info("webhook not taken; trying again", **about, last=said, seconds=round(due - now, 1))


def wait_after(tried: int, retry_after: str | None, now: float) -> float:
    """Seconds until the next attempt: anything up to a bound that doubles, so that receivers are not stormed.

    What the receiver asks for in `Retry-After` is waited for as well, up to the longest wait.
    """
    bound = min(FIRST_WAIT * 2.0 ** min(tried - 1, 20), LONGEST_WAIT)
    return max(random.uniform(0, bound), min(_asked(retry_after, now), LONGEST_WAIT))


def _asked(retry_after: str | None, now: float) -> float:
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    return 0.0
