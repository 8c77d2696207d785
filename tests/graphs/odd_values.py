"""Graphs whose state holds values that JSON does not have."""

from __future__ import annotations

import operator
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict


class Items(TypedDict, total=False):
    """A value in, values out."""

    foo: Any
    items: Annotated[list[Any], operator.add]


class Model(BaseModel):
    when: date


@dataclass
class Record:
    size: int


def oddities(state: Items) -> dict[str, Any]:
    """Values that JSON does not have."""
    return {
        "foo": {
            "datetime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "timedelta": timedelta(seconds=1.5),
            "pydantic": Model(when=date(2026, 1, 2)),
            "dataclass": Record(size=3),
            "set": {1},
            "bytes": b"\x00\x01",
            "decimal": Decimal("1.5"),
            "path": PurePosixPath("/a"),
            "nan": float("nan"),
            "big": 2**70,
            "surrogate": "\ud800",
            "object": object(),
            1: "int key",
            None: "null key",
        }
    }


odd = StateGraph(Items).add_node(oddities).add_edge(START, "oddities").compile()


class Colour(Enum):
    RED = "red"


def more_oddities(state: Items) -> dict[str, Any]:
    """More values that JSON does not have."""
    return {
        "foo": {
            "date": date(2026, 1, 2),
            "time": time(3, 4, 5),
            "frozenset": frozenset({1}),
            "deque": deque([1, 2]),
            "tuple": (1, 2),
            "bytearray": bytearray(b"\x00\x01"),
            "uuid": UUID(int=1),
            "ip": ip_address("127.0.0.1"),
            "enum": Colour.RED,
            "pattern": re.compile("a+"),
            "zone": ZoneInfo("Europe/Berlin"),
            "exception": ValueError("boom"),
            "message": AIMessage("hi", id="m"),
            "infinity": float("-inf"),
            "whole": 2.0,
            "complex": 1j,
            "function": more_oddities,
            "class": Colour,
            "generator": (letter for letter in "ab"),
            "memoryview": memoryview(b"a"),
            True: "true key",
        }
    }


odder = StateGraph(Items).add_node(more_oddities).add_edge(START, "more_oddities").compile()
