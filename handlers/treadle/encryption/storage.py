"""The storage whose records are encrypted."""

from __future__ import annotations

from dataclasses import replace

from treadle.encryption.runs import EncryptedRunStore
from treadle.encryption.sealing import Sealing
from treadle.encryption.stores import (
    EncryptedAssistantStore,
    EncryptedDeliveryStore,
    EncryptedFeedbackStore,
    EncryptedThreadStore,
)
from treadle.storage.contract.store import Storage


def encrypted_storage(storage: Storage, sealing: Sealing, *, attempts: int) -> Storage:
    """The storage, with everything sealed that goes in. Its events are those of EncryptedEventRows already."""
    return replace(
        storage,
        runs=EncryptedRunStore(storage.runs, sealing, attempts=attempts, leased=storage.durable),
        threads=EncryptedThreadStore(storage.threads, sealing),
        assistants=EncryptedAssistantStore(storage.assistants, sealing),
        deliveries=EncryptedDeliveryStore(storage.deliveries, sealing),
        feedback=EncryptedFeedbackStore(storage.feedback, storage.runs, sealing),
    )
