"""Values of items that are encrypted, for a store that makes vectors of what they were."""

from __future__ import annotations

from typing import Any

from langgraph.store.base import PutOp

Json = dict[str, Any]


class SealedValue(dict[str, Any]):
    """The sealed form of a value. `plain` is the value itself."""

    def __init__(self, sealed: Json, plain: Json) -> None:
        super().__init__(sealed)
        self.plain = plain


def with_plain_value(op: PutOp) -> PutOp:
    """The operation with the value as it was."""
    return op._replace(value=op.value.plain) if isinstance(op.value, SealedValue) else op
