"""Keys of requests that create their runs once, in this process's memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from treadle.storage.contract.runs import IdempotentRequest, RunRecord


class MemoryKeys:
    """Requests by key, and the expiry of their runs. All keys have the same TTL, so that the oldest expire first."""

    def __init__(self) -> None:
        self._requests: OrderedDict[tuple[str, str], IdempotentRequest] = OrderedDict()
        self._kept_until: dict[str, float] = {}

    def first(self, caller: str, key: str, now: float) -> IdempotentRequest | None:
        """The request that the key stands for."""
        found = self._requests.get((caller, key))
        return None if found is None or found.expires_at <= now else found

    def take(self, once: IdempotentRequest, records: Sequence[RunRecord]) -> None:
        """Let a key that is free stand for the request that creates these runs."""
        if (expired := self._requests.pop((once.caller, once.key), None)) is not None:
            self._forget(expired)
        run_ids = tuple(record.run_id for record in records)
        self._requests[once.caller, once.key] = replace(once, run_ids=run_ids)
        self._kept_until.update(dict.fromkeys(run_ids, once.expires_at))

    def kept_until(self, run_id: str) -> float:
        """Until when the run's key lives; 0 if it has none."""
        return self._kept_until.get(run_id, 0.0)

    def forget_expired(self, now: float) -> None:
        """Forget the keys whose time is over."""
        while (expires_at := self.next_expiry()) is not None and expires_at <= now:
            _, once = self._requests.popitem(last=False)
            self._forget(once)

    def _forget(self, once: IdempotentRequest) -> None:
        for run_id in once.run_ids:
            self._kept_until.pop(run_id, None)

    def next_expiry(self) -> float | None:
        """When the time of the next key will be over."""
        return next(iter(self._requests.values())).expires_at if self._requests else None
