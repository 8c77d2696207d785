"""One difference between two documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Level = Literal["breaking", "warning", "info"]
SEND = "clients that send"
READ = "clients that read"
LEVELS: tuple[Level, ...] = ("breaking", "warning", "info")


@dataclass(frozen=True, slots=True)
class Change:
    """A difference, and what it does to clients that were written for the old document."""

    rule: str
    """The category, such as `request-enum-value-removed`."""
    level: Level
    affects: str
    """`clients that send` or `clients that read`."""
    place: str
    """Within the operation: `request body, config.tags`."""
    text: str


@dataclass(slots=True)
class Found:
    """A difference, and the operations that it is in: a shared schema changes many at once."""

    change: Change
    operations: list[str] = field(default_factory=list)
    """`POST /runs`."""
    handlers: list[str] = field(default_factory=list)
    """`stateless.create_run`; empty where Treadle does not serve the operations."""
    methods: list[str] = field(default_factory=list)
    """Of the client: `runs.create`."""
