"""Keys of `langgraph.json` without effect here: those that restrict access are refused, others are logged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from treadle.errors import ConfigError
from treadle.graphs.http_config import CLOSED_BY

Json = dict[str, Any]
Known: TypeAlias = Mapping[str, "Known | None"]
# Switches of `http` beside CLOSED_BY, and those that close what is not served here.
_CLOSED_TOO = ("disable_meta", "disable_webhooks")
_CLOSED_ANYWAY = ("disable_a2a", "disable_event_streaming", "disable_mcp", "disable_ui")
# Keys for building an image of the official server.
_ABOUT_IMAGES = (
    "$schema",
    "_INTERNAL_docker_tag",
    "api_version",
    "base_image",
    "dockerfile_lines",
    "image_distro",
    "keep_pkg_tools",
    "node_version",
    "pip_config_file",
    "pip_installer",
    "python_version",
    "source",
)
_PATTERNS: Known = dict.fromkeys(("includes", "excludes", "include", "exclude"))
_HTTP = (
    "app",
    "cors",
    "enable_custom_route_auth",
    "middleware_order",
    "mount_prefix",
)
# Keys of the field that have no effect here; any other that is unknown may be misspelt.
_WITHOUT_EFFECT = ("disable_persistence", "priority", "shell", "ui", "ui_config")
_RESTRICTING = ("auth", "encryption")
# Keys with their full effect here, or those below them that have it.
_CARRIED_OUT: Known = {
    **dict.fromkeys(_ABOUT_IMAGES),
    **dict.fromkeys(("dependencies", "env", "webhooks")),
    "auth": dict.fromkeys(("path", "disable_studio_auth", "openapi")),
    "checkpointer": {
        "path": None,
        "serde": dict.fromkeys(("allowed_json_modules", "allowed_msgpack_modules", "pickle_fallback")),
        "ttl": dict.fromkeys(("strategy", "default_ttl", "sweep_interval_minutes", "sweep_limit")),
    },
    "encryption": {"path": None},
    "http": {
        **dict.fromkeys((*_HTTP, *CLOSED_BY, *_CLOSED_TOO, *_CLOSED_ANYWAY)),
        **dict.fromkeys(("configurable_headers", "logging_headers"), _PATTERNS),
    },
    "store": {
        "path": None,
        "index": dict.fromkeys(("dims", "embed", "fields")),
        "ttl": dict.fromkeys(("default_ttl", "refresh_on_read", "sweep_interval_minutes")),
    },
}
_GRAPH: Known = dict.fromkeys(("path", "description"))


def section(path: Path, document: Json, key: str) -> Json:
    """A section of the document at `path`, empty if there is none. Raises ConfigError if it is no object."""
    found = document.get(key)
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f'{path}: "{key}" must be an object')
    return found or {}


def refuse_restrictions(path: Path, document: Json) -> None:
    """Raises ConfigError, which names the key, if the document restricts something that would be open here."""
    known = {*_CARRIED_OUT, *_WITHOUT_EFFECT, *_RESTRICTING, "graphs"}
    for key in document:
        if key not in known and document[key] and (meant := _nearest(key, known)) in _RESTRICTING:
            raise ConfigError(
                f"{path}: {key} is unknown; write {meant}, or remove it: to serve without it would open all"
            )
    for key, hint in _openings(section(path, document, "http")):
        raise ConfigError(
            f"{path}: {key} is not supported by this version of Treadle, and to serve without it would open what it "
            f"closes; remove it{hint}"
        )


def keys_without_effect(document: Json) -> tuple[str, ...]:
    """The keys, with their paths, that change nothing here. One that is empty, or false, asks for nothing."""
    graphs: Known = {name: _GRAPH if isinstance(spec, dict) else None for name, spec in document["graphs"].items()}
    return tuple(_unknown(document, {**_CARRIED_OUT, "graphs": graphs}))


def _openings(http: Json) -> Iterator[tuple[str, str]]:
    """Keys that restrict operations, each with an alternative to removing it."""
    for key, value in http.items():
        if key.startswith("disable_") and value and key not in (*CLOSED_BY, *_CLOSED_TOO, *_CLOSED_ANYWAY):
            names = [each.removeprefix("disable_") for each in (*CLOSED_BY, *_CLOSED_TOO, *_CLOSED_ANYWAY)]
            meant = get_close_matches(key.removeprefix("disable_"), names, n=1, cutoff=0.8)
            yield f"http.{key}", f", or write disable_{meant[0]}" if meant else "; a proxy can close routes"


def _unknown(document: Json, known: Known, prefix: str = "") -> Iterator[str]:
    for key, value in document.items():
        inside = known.get(key)
        if not value or (key in known and inside is None):
            continue
        if inside is not None and isinstance(value, dict):
            yield from _unknown(value, inside, f"{prefix}{key}.")
        elif key not in known and key not in _WITHOUT_EFFECT and (meant := _nearest(key, known)):
            yield f"{prefix}{key} (not known; {prefix}{meant} is)"
        else:
            yield prefix + key


def _nearest(key: str, known: Iterable[str]) -> str | None:
    """The known key that a key is most like, if it is like one."""
    key = key.lower()
    beginnings = [each for each in known if key.startswith(each)]
    return next(iter(beginnings or get_close_matches(key, known, n=1)), None)
