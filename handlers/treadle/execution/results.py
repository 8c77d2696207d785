"""The outcome of an attempt as it builds up."""

from __future__ import annotations

from typing import Any

from treadle.encoding import encode, failure
from treadle.storage.contract.runs import Outcome, Status


class Results:
    """The graph's last output, its interrupts, and the time of its first event."""

    def __init__(self) -> None:
        self._output: Any = None
        self._interrupts: list[Any] = []
        self._json: bytes | None = None
        """The last output, if it has been encoded."""
        self.first_event_at: float | None = None

    def take(self, value: Any, json: bytes | None) -> None:
        """Remember an output of the graph, which may carry interrupts. `json` is its encoding, if there is one."""
        if isinstance(value, dict) and "__interrupt__" in value:
            self._interrupts.extend(value["__interrupt__"])
            state = {key: item for key, item in value.items() if key != "__interrupt__"}
            if state:
                self._output, self._json = state, None
        else:
            self._output, self._json = value, json

    @property
    def values(self) -> bytes | None:
        """The last output as JSON; None if there is none, or if it cannot be encoded."""
        if self._json is None and self._output is not None:
            self._json = _encoded(self._output)
        return self._json

    def outcome(self, status: Status) -> Outcome:
        """The outcome, with `status`. Raises what encoding the author's values raises."""
        if self._json is None and self._output is not None:
            self._json = encode(self._output)
        return self._so_far(status)

    def interrupted(self) -> Outcome:
        """The outcome of a cancelled attempt, even if its values cannot be encoded."""
        return self._so_far("interrupted")

    def failed(self, status: Status, error: BaseException) -> Outcome:
        """The outcome of an attempt that ended in `error`."""
        return self._so_far(status, encode(failure(error)))

    def _so_far(self, status: Status, error: bytes | None = None) -> Outcome:
        return Outcome(
            status=status,
            values=self.values,
            error=error,
            interrupts=_encoded(self._interrupts) if self._interrupts else None,
            first_event_at=self.first_event_at,
        )


def _encoded(value: Any) -> bytes | None:
    """The author's value as JSON; None if it cannot be encoded: how the run ended is told all the same."""
    try:
        return encode(value)
    except Exception:  # of the author's own classes
        return None
