"""Stores that encrypt threads, assistants, deliveries and feedback, over any backend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from weakref import WeakValueDictionary

import structlog

from treadle.encryption.current import current_context
from treadle.encryption.records import Records, context_of
from treadle.encryption.sealing import Sealing, each
from treadle.errors import EncryptionFailed, TreadleError
from treadle.storage.contract.assistants import AssistantQuery, AssistantRecord, AssistantStore, Change
from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt, DeliveryStatus, DeliveryStore
from treadle.storage.contract.feedback import Feedback, FeedbackStore
from treadle.storage.contract.runs import RunStore
from treadle.storage.contract.threads import ThreadRecord, ThreadStore

# Records that are decrypted at once.
PART = 50
log = structlog.get_logger("treadle.encryption")


class EncryptedThreadStore(ThreadStore):
    """Threads, each encrypted with the context of the request that made it."""

    def __init__(self, inner: ThreadStore, sealing: Sealing) -> None:
        self.inner = inner
        self._here = sealing.here
        self._records = Records(sealing)

    async def add(self, record: ThreadRecord) -> bool:
        context = current_context() or {}
        return await self.inner.add(await self._here(lambda: self._records.seal_thread(context, record)))

    async def get(self, thread_id: str) -> ThreadRecord | None:
        found = await self.inner.get(thread_id)
        return None if found is None else await self._here(lambda: self._records.open_thread(found))

    async def of_assistant(self, assistant_id: str) -> list[str]:
        return await self.inner.of_assistant(assistant_id)

    async def remove(self, thread_id: str) -> None:
        await self.inner.remove(thread_id)

    async def mark_pruned(self, thread_id: str) -> None:
        await self.inner.mark_pruned(thread_id)

    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        """The expired threads as they are stored: those that cannot be decrypted have to go as well."""
        return await self.inner.expired()


class _Overtaken(TreadleError):
    """Another request has changed the assistant meanwhile."""


class EncryptedAssistantStore(AssistantStore):
    """Assistants. Each version has the context of the request that made it.

    A search compares metadata as it is stored: what is encrypted is not found.
    """

    def __init__(self, inner: AssistantStore, sealing: Sealing) -> None:
        self.inner = inner
        self._here = sealing.here
        self._records = Records(sealing)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def add(self, record: AssistantRecord) -> bool:
        return await self.inner.add(await self._sealed(record))

    async def get(self, assistant_id: str) -> AssistantRecord | None:
        found = await self.inner.get(assistant_id)
        return None if found is None else await self._opened(found)

    async def find(self, query: AssistantQuery, most: int | None = None) -> list[AssistantRecord]:
        return await self._all_opened(await self.inner.find(query, most))

    async def count(self, query: AssistantQuery) -> int:
        return await self.inner.count(query)

    async def change(
        self, assistant_id: str, change: Change, original: AssistantRecord | None = None
    ) -> AssistantRecord | None:
        """As promised: handlers cannot be called inside the transaction, so it is tried again if it is overtaken."""
        async with self._turns.setdefault(assistant_id, asyncio.Lock()):  # only other processes overtake
            return await self._change(assistant_id, change, original)

    async def _change(
        self, assistant_id: str, change: Change, original: AssistantRecord | None
    ) -> AssistantRecord | None:
        first = None if original is None else await self._sealed(original)
        while True:
            stored = await self.inner.get(assistant_id)
            before = original if stored is None else await self._opened(stored)
            if before is None:
                return None
            after = change(before)
            sealed, expected = await self._sealed(after), stored or first

            def made(
                found: AssistantRecord, sealed: AssistantRecord = sealed, expected: AssistantRecord | None = expected
            ) -> AssistantRecord:
                if found != expected:
                    raise _Overtaken
                return sealed

            try:
                changed = await self.inner.change(assistant_id, made, first)
            except _Overtaken:
                continue
            if changed is None:
                return None
            return replace(changed, config=after.config, context=after.context, metadata=after.metadata)

    async def versions(self, assistant_id: str) -> list[AssistantRecord]:
        return await self._all_opened(await self.inner.versions(assistant_id))

    async def select(self, assistant_id: str, version: int, at: float) -> AssistantRecord | None:
        found = await self.inner.select(assistant_id, version, at)
        return None if found is None else await self._opened(found)

    async def remove(self, assistant_id: str) -> bool:
        return await self.inner.remove(assistant_id)

    async def _sealed(self, record: AssistantRecord) -> AssistantRecord:
        context = current_context() or {}
        return await self._here(lambda: self._records.seal_assistant(context, record))

    async def _opened(self, record: AssistantRecord) -> AssistantRecord:
        return await self._here(lambda: self._records.open_assistant(record))

    async def _all_opened(self, records: list[AssistantRecord]) -> list[AssistantRecord]:
        opened: list[AssistantRecord] = []
        for start in range(0, len(records), PART):
            opened += await self._here(partial(each, self._records.open_assistant, records[start : start + PART]))
        return opened


class EncryptedDeliveryStore(DeliveryStore):
    """Deliveries. The transaction that ends a run adds them: see EncryptedRunStore."""

    def __init__(self, inner: DeliveryStore, sealing: Sealing) -> None:
        self.inner = inner
        self.changed: asyncio.Event = inner.changed
        self._here = sealing.here
        self._records = Records(sealing)

    async def claim(self, limit: int, without: Collection[str] = ()) -> list[Delivery]:
        """As promised. A delivery that cannot be decrypted has no body: its attempt fails, and is made again later."""
        claimed = await self.inner.claim(limit, without)
        return await self._here(lambda: each(self._claimed, claimed)) if claimed else []

    async def _claimed(self, delivery: Delivery) -> Delivery:
        try:
            return await self._records.open_delivery(delivery)
        except EncryptionFailed as error:
            log.error("a webhook cannot be decrypted", run_id=delivery.run_id, error=str(error))
            return replace(delivery, body=None)

    async def next_due(self, without: Collection[str] = ()) -> float | None:
        return await self.inner.next_due(without)

    async def report(
        self, delivery: Delivery, attempt: DeliveryAttempt, status: DeliveryStatus, due: float | None = None
    ) -> None:
        await self.inner.report(delivery, attempt, status, due)

    async def give_back(self, delivery: Delivery) -> None:
        await self.inner.give_back(delivery)

    async def of_run(self, run_id: str) -> list[Delivery]:
        found = await self.inner.of_run(run_id)
        return await self._here(lambda: each(self._records.open_delivery, found)) if found else []


class EncryptedFeedbackStore(FeedbackStore):
    """Feedback, encrypted with the context of its run: links for feedback come without a user."""

    def __init__(self, inner: FeedbackStore, runs: RunStore, sealing: Sealing) -> None:
        """`runs` has the runs as they are stored."""
        self.inner = inner
        self.secret = inner.secret
        self._runs = runs
        self._sealing = sealing

    async def add(self, run_id: str, given: Feedback, most: int) -> int:
        run = await self._runs.get(run_id)
        context = {} if run is None else context_of(run)
        sealing = self._sealing
        content = await sealing.here(lambda: sealing.blob(context, "feedback", "content", given.content))
        return await self.inner.add(run_id, replace(given, content=content), most)

    async def of_key(self, run_id: str, key: str) -> list[Feedback]:
        return await self._opened(await self.inner.of_key(run_id, key))

    async def of_run(self, run_id: str) -> list[Feedback]:
        return await self._opened(await self.inner.of_run(run_id))

    async def _opened(self, entries: list[Feedback]) -> list[Feedback]:
        async def opened(entry: Feedback) -> Feedback:
            return replace(entry, content=await self._sealing.open_blob("feedback", "content", entry.content))

        open_one: Callable[[Feedback], Awaitable[Feedback]] = opened
        return await self._sealing.here(lambda: each(open_one, entries)) if entries else []
