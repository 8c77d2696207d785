"""The section `checkpointer` of `langgraph.json`: how long threads stay, how values are read, or the author's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from treadle.errors import ConfigError
from treadle.graphs.modules import read_spec

Json = dict[str, Any]
_STRATEGIES = ("delete", "keep_latest")


@dataclass(frozen=True, slots=True)
class CheckpointerConfig:
    """The section as read and checked; what `path` names is not loaded yet."""

    where: str
    """The beginning of every message about the section: the file, and `checkpointer`."""
    path: str | None = None
    """Where a checkpointer of the author's own is: `./file.py:attribute` or `module:attribute`."""
    serde: Json | None = None
    """Arguments of LangGraph's JsonPlusSerializer; None: not said."""
    env: dict[str, str] = field(default_factory=dict)
    """Settings that stand for `ttl`."""


def read_checkpointer(path: Path, section: Json) -> CheckpointerConfig:
    """Check the section of the file at `path`. Raises ConfigError, which names the key."""
    where = f"{path}: checkpointer"
    own = read_spec(f"{where}.path", section.get("path"))
    serde = section.get("serde")
    return CheckpointerConfig(
        where, own, None if serde is None else _serde(f"{where}.serde", serde), _ttl(f"{where}.ttl", section.get("ttl"))
    )


def _serde(where: str, serde: Any) -> Json:
    """Return the arguments of the serializer. A missing key keeps the default, which allows pickles and all modules."""
    if not isinstance(serde, dict):
        raise ConfigError(f"{where} must be an object")
    pickle = serde.get("pickle_fallback", True)
    if type(pickle) is not bool:
        raise ConfigError(f"{where}.pickle_fallback must be true or false, and not {json.dumps(pickle)}")
    allowed = {
        key: _modules(f"{where}.{key}", serde[key])
        for key in ("allowed_json_modules", "allowed_msgpack_modules")
        if key in serde
    }
    return {"pickle_fallback": pickle, **allowed}


def _modules(where: str, allowed: Any) -> Any:
    if allowed is None or allowed is True:
        return allowed
    if not isinstance(allowed, list) or not all(
        isinstance(path, list) and path and all(isinstance(part, str) for part in path) for path in allowed
    ):
        raise ConfigError(f'{where} must be true, null or a list such as [["my_agent", "state", "Order"]]')
    return [tuple(path) for path in allowed]


def _ttl(where: str, ttl: Any) -> dict[str, str]:
    """Threads expire when their time is over, so no sweep is configured."""
    if ttl is None:
        return {}
    if not isinstance(ttl, dict):
        raise ConfigError(f"{where} must be an object")
    strategy, minutes = ttl.get("strategy", _STRATEGIES[0]), ttl.get("default_ttl")
    if strategy not in _STRATEGIES:
        raise ConfigError(f"{where}.strategy must be {' or '.join(_STRATEGIES)}, and not {json.dumps(strategy)}")
    if minutes is not None and (type(minutes) not in (int, float) or not minutes > 0):
        raise ConfigError(f"{where}.default_ttl must be a number of minutes above 0, and not {json.dumps(minutes)}")
    given = {} if minutes is None else {"THREAD_TTL_MINUTES": str(minutes)}
    return {"THREAD_TTL_STRATEGY": strategy, **given}
