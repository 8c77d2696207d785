"""The section `store` of `langgraph.json`: how items are indexed and how long they live, or the author's own store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.store.base import TTLConfig

from treadle.errors import ConfigError
from treadle.graphs.modules import read_spec

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """The section as read and checked; what its paths name is not loaded yet."""

    where: str
    """The beginning of every message about the section: the file, and `store`."""
    path: str | None = None
    """Where a store of the author's own is: `./file.py:attribute` or `module:attribute`."""
    embed: str | None = None
    """`./file.py:attribute`, or `provider:model` as LangChain has it; None: items are not indexed."""
    dims: int = 0
    """Numbers in the vector of a text."""
    fields: tuple[str, ...] = ("$",)
    ttl: TTLConfig | None = None

    @property
    def sweep_period(self) -> float:
        """Seconds between two sweeps of expired items."""
        return 60.0 * ((self.ttl or {}).get("sweep_interval_minutes") or 5)


def read_store(path: Path, section: Json) -> StoreConfig:
    """Check the section of the file at `path`. Raises ConfigError, which names the key."""
    where = f"{path}: store"
    own = read_spec(f"{where}.path", section.get("path"))
    index, ttl = (_object(section, key, where) for key in ("index", "ttl"))
    if own is not None and (index or ttl):
        raise ConfigError(f"{where}: a store of your own (path) has its own index and ttl; remove them here")
    if not index:
        return StoreConfig(where, own, ttl=_ttl(where, ttl))
    embed, dims, fields = index.get("embed"), index.get("dims"), index.get("fields", ["$"])
    if not isinstance(embed, str) or ":" not in embed:
        form = '"./file.py:function" or "provider:model"'
        raise ConfigError(f"{where}.index.embed must be {form}, and not {json.dumps(embed)}")
    if type(dims) is not int or dims < 1:
        raise ConfigError(f"{where}.index.dims must be the number of numbers in a vector, and not {json.dumps(dims)}")
    if not isinstance(fields, list) or not fields or not all(isinstance(field, str) for field in fields):
        raise ConfigError(f'{where}.index.fields must be a list of paths in a value, such as ["text"]')
    return StoreConfig(where, own, embed, dims, tuple(fields), _ttl(where, ttl))


def _object(section: Json, key: str, where: str) -> Json:
    found = section.get(key)
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"{where}.{key} must be an object")
    return found or {}


def _ttl(where: str, ttl: Json) -> TTLConfig | None:
    if not ttl:
        return None
    for key in ("default_ttl", "sweep_interval_minutes"):
        minutes = ttl.get(key)
        if minutes is not None and (type(minutes) not in (int, float) or not minutes > 0):
            raise ConfigError(f"{where}.ttl.{key} must be a number of minutes above 0, and not {json.dumps(minutes)}")
    if type(ttl.get("refresh_on_read", True)) is not bool:
        raise ConfigError(f"{where}.ttl.refresh_on_read must be true or false")
    read: TTLConfig = {"refresh_on_read": ttl.get("refresh_on_read", True)}
    if ttl.get("default_ttl") is not None:
        read["default_ttl"] = ttl["default_ttl"]
    if ttl.get("sweep_interval_minutes") is not None:
        read["sweep_interval_minutes"] = ttl["sweep_interval_minutes"]
    return read
