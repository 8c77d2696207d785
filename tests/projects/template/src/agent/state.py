"""What the graph keeps, and its context."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import TypedDict


class State(TypedDict, total=False):
    """A text."""

    text: str


@dataclass
class Context:
    """Who is greeted."""

    name: str = "world"
