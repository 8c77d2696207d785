"""Integers as JSON Schema knows them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator


def _exact(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer = Annotated[int, BeforeValidator(_exact)]
"""An int that also loads from 7.0 and 1e20, which the contract accepts as integers."""
