"""The storage whose records are encrypted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from treadle.encryption.event_rows import EncryptedEventRows
from treadle.encryption.runs import EncryptedRunStore
from treadle.encryption.sealing import Sealing
from treadle.encryption.stores import (
    EncryptedAssistantStore,
    EncryptedDeliveryStore,
    EncryptedFeedbackStore,
    EncryptedThreadStore,
)
from treadle.settings import Settings
from treadle.storage import open_storage
from treadle.storage.contract.store import Storage
from treadle.storage.events.rows import EventRows

CLOSING = 2.0
"""Seconds that events may take to be encrypted when the store is closed."""


async def open_encrypted(
    settings: Settings, graph_ids: Sequence[str], clock: Callable[[], float] | None, sealing: Sealing
) -> Storage:
    """As `open_storage`, with everything sealed that goes in. In memory, events stay as they are."""
    made: list[EncryptedEventRows] = []

    def with_rows(rows: EventRows) -> EventRows:
        made.append(EncryptedEventRows(rows, sealing))
        return made[0]

    storage = await open_storage(settings, graph_ids, clock, with_rows)

    async def close() -> None:
        for rows in made:
            await rows.until_written(within=CLOSING)
        await storage.close()

    return replace(
        storage,
        close=close,
        runs=EncryptedRunStore(storage.runs, sealing, made[0] if made else None, attempts=settings.attempts),
        threads=EncryptedThreadStore(storage.threads, sealing),
        assistants=EncryptedAssistantStore(storage.assistants, sealing),
        deliveries=EncryptedDeliveryStore(storage.deliveries, sealing),
        feedback=EncryptedFeedbackStore(storage.feedback, storage.runs, sealing),
    )
