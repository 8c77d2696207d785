"""The records of the storage contract, sealed and opened. Called on the graphs' home loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

from treadle.encryption.current import check_visible
from treadle.encryption.sealing import Sealing, each
from treadle.storage.contract.assistants import AssistantRecord
from treadle.storage.contract.deliveries import Delivery
from treadle.storage.contract.runs import Ending, IdempotentRequest, Outcome, RunKwargs, RunRecord, SealedKwargs
from treadle.storage.contract.threads import ThreadRecord, ThreadState

Json = dict[str, Any]
_OF_OUTCOME = ("values", "error", "interrupts", "cancelled", "feedback")


class Records:
    """Seals records with a context, and opens them with the one that they were sealed with."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    async def seal_run(self, run: RunRecord) -> RunRecord:
        """The run without its outcome. Raises InvalidRequest (422) if a filter of auth could not see its metadata."""
        sealing, context = self._sealing, run.encryption or {}
        metadata, kwargs = await asyncio.gather(
            sealing.json(context, "run", "metadata", run.metadata),
            sealing.json(context, "run", "kwargs", run.kwargs.to_json()),
        )
        check_visible("threads", run.metadata, metadata)
        sealed = {"context": context, "kwargs": kwargs}
        flags = SealedKwargs(temporary=run.temporary, resumable=run.resumable, sealed=sealed)
        return run._replace(metadata=metadata, kwargs=flags)

    async def open_run(self, run: RunRecord) -> RunRecord:
        """The run, with its outcome."""
        context, kwargs = context_of(run), run.kwargs.to_json()
        if isinstance(run.kwargs, SealedKwargs):
            kwargs = run.kwargs.sealed["kwargs"]
        metadata, opened, outcome = await asyncio.gather(
            self._sealing.open_json("run", "metadata", run.metadata),
            self._sealing.open_json("run", "kwargs", kwargs),
            self._open_outcome(run.outcome),
        )
        known = RunKwargs.from_json(opened)
        return run._replace(metadata=metadata, kwargs=known, outcome=outcome, encryption=context)

    async def _seal_outcome(self, context: Json, outcome: Outcome) -> Outcome:
        parts = await each(lambda name: self._sealing.part(context, "run", name, getattr(outcome, name)), _OF_OUTCOME)
        return _with_parts(outcome, *parts)

    async def _open_outcome(self, outcome: Outcome | None) -> Outcome | None:
        if outcome is None:
            return None
        parts = await each(lambda name: self._sealing.open_part("run", name, getattr(outcome, name)), _OF_OUTCOME)
        return _with_parts(outcome, *parts)

    async def seal_ending(self, ending: Ending) -> Ending:
        """The ending, sealed with the context of its run. Of one that cannot be decrypted it says nothing private."""
        run = ending.run
        if run is not None and run.unreadable is not None:
            return ending
        context = run.encryption or {} if run is not None else {}
        outcome, left, webhook = await asyncio.gather(
            self._seal_outcome(context, ending.outcome),
            self._seal_left(context, ending.left),
            self._seal_delivery(context, ending.webhook),
        )
        return replace(ending, outcome=outcome, left=left, webhook=webhook)

    async def _seal_left(self, context: Json, state: ThreadState | None) -> ThreadState | None:
        return None if state is None else await self._seal_state(context, state)

    async def _seal_state(self, context: Json, state: ThreadState) -> ThreadState:
        sealing = self._sealing
        values, error, interrupts = await asyncio.gather(
            sealing.document(context, "thread", "values", state.values),
            sealing.part(context, "thread", "error", state.error),
            sealing.part(context, "thread", "interrupts", state.interrupts),
        )
        return replace(state, values=values, error=error, interrupts=interrupts)

    async def _open_state(self, state: ThreadState) -> ThreadState:
        sealing = self._sealing
        values, error, interrupts = await asyncio.gather(
            sealing.open_document("thread", "values", state.values),
            sealing.open_part("thread", "error", state.error),
            sealing.open_part("thread", "interrupts", state.interrupts),
        )
        return replace(state, values=values, error=error, interrupts=interrupts)

    async def seal_thread(self, context: Json, thread: ThreadRecord) -> ThreadRecord:
        """The thread. Raises InvalidRequest (422) if a filter of auth could not see its metadata."""
        sealing = self._sealing
        found, rest = _found_by(thread.metadata)
        metadata, config, graph_config, state = await asyncio.gather(
            sealing.json(context, "thread", "metadata", rest),
            sealing.json(context, "thread", "config", thread.config),
            sealing.json(context, "thread", "graph_config", thread.graph_config),
            self._seal_state(context, thread.state),
        )
        check_visible("threads", thread.metadata, {**metadata, **found})
        return replace(thread, metadata={**metadata, **found}, config=config, graph_config=graph_config, state=state)

    async def open_thread(self, thread: ThreadRecord) -> ThreadRecord:
        """The thread."""
        sealing = self._sealing
        found, rest = _found_by(thread.metadata)
        metadata, config, graph_config, state = await asyncio.gather(
            sealing.open_json("thread", "metadata", rest),
            sealing.open_json("thread", "config", thread.config),
            sealing.open_json("thread", "graph_config", thread.graph_config),
            self._open_state(thread.state),
        )
        return replace(thread, metadata={**metadata, **found}, config=config, graph_config=graph_config, state=state)

    async def seal_assistant(self, context: Json, assistant: AssistantRecord) -> AssistantRecord:
        """The assistant. Raises InvalidRequest (422) if a filter of auth could not see its metadata."""
        sealing = self._sealing
        config, own, metadata = await asyncio.gather(
            sealing.json(context, "assistant", "config", assistant.config),
            sealing.json(context, "assistant", "context", assistant.context),
            sealing.json(context, "assistant", "metadata", assistant.metadata),
        )
        check_visible("assistants", assistant.metadata, metadata)
        return replace(assistant, config=config, context=own, metadata=metadata)

    async def open_assistant(self, assistant: AssistantRecord) -> AssistantRecord:
        """The assistant."""
        sealing = self._sealing
        config, own, metadata = await asyncio.gather(
            sealing.open_json("assistant", "config", assistant.config),
            sealing.open_json("assistant", "context", assistant.context),
            sealing.open_json("assistant", "metadata", assistant.metadata),
        )
        return replace(assistant, config=config, context=own, metadata=metadata)

    async def _seal_delivery(self, context: Json, delivery: Delivery | None) -> Delivery | None:
        if delivery is None:
            return None
        url, body = await asyncio.gather(
            self._sealing.text(context, "run", "webhook", delivery.url),
            self._sealing.part(context, "run", "delivery", delivery.body),
        )
        return replace(delivery, url=url, body=body)

    async def open_delivery(self, delivery: Delivery) -> Delivery:
        """The delivery, with its body if it has one."""
        url, body = await asyncio.gather(
            self._sealing.open_text("run", "webhook", delivery.url),
            self._sealing.open_part("run", "delivery", delivery.body),
        )
        return replace(delivery, url=url, body=body)

    async def seal_once(self, context: Json, once: IdempotentRequest | None) -> IdempotentRequest | None:
        """Seal the hash of the request: somebody could guess a request, and compare its hash."""
        if once is None:
            return None
        return replace(once, fingerprint=await self._sealing.text(context, "run", "fingerprint", once.fingerprint))

    async def open_once(self, once: IdempotentRequest) -> IdempotentRequest:
        """The request with a key."""
        return replace(once, fingerprint=await self._sealing.open_text("run", "fingerprint", once.fingerprint))


def _with_parts(outcome: Outcome, *parts: bytes | None) -> Outcome:
    """The outcome with the parts of _OF_OUTCOME."""
    values, error, interrupts, cancelled, feedback = parts
    return replace(outcome, values=values, error=error, interrupts=interrupts, cancelled=cancelled, feedback=feedback)


def context_of(run: RunRecord) -> Json:
    """The context that a stored run was sealed with."""
    context: Json = run.kwargs.sealed["context"] if isinstance(run.kwargs, SealedKwargs) else {}
    return context


def _found_by(metadata: Json) -> tuple[Json, Json]:
    """The id of the assistant, by which a thread is found, and the rest of its metadata."""
    found = {"assistant_id": metadata["assistant_id"]} if _is_id(metadata.get("assistant_id")) else {}
    return found, {key: value for key, value in metadata.items() if key not in found}


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False
