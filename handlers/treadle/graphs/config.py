"""`langgraph.json`: which graphs there are and what they need around them."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from treadle.errors import ConfigError

_SERVED = frozenset({"graphs", "dependencies", "env", "checkpointer", "webhooks"})
# What is about building an image of the official server, which is not built here.
_ABOUT_IMAGES = frozenset(
    {
        "$schema",
        "_INTERNAL_docker_tag",
        "api_version",
        "base_image",
        "disable_persistence",
        "dockerfile_lines",
        "image_distro",
        "keep_pkg_tools",
        "node_version",
        "pip_config_file",
        "pip_installer",
        "python_version",
    }
)


@dataclass(frozen=True, slots=True)
class GraphsConfig:
    """A `langgraph.json` as read: paths in it are relative to its folder."""

    path: Path
    graphs: dict[str, str]
    """Graph id -> `./file.py:attribute` or `package.module:attribute`, in the file's order."""
    dependencies: tuple[str, ...]
    env: dict[str, str]
    webhooks: Any
    """The section about webhooks, as it came; None if there is none."""
    unserved: tuple[str, ...]
    """Keys of the file that this version does not carry out, or that nobody knows."""

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self.path.parent

    def enter(self) -> None:
        """Make the graphs importable and give them their environment; what is already set stays."""
        for name, value in self.env.items():
            os.environ.setdefault(name, value)
        for dependency in reversed(self.dependencies):
            if dependency.startswith((".", "/")):
                folder = str((self.folder / dependency).resolve())
                if folder not in sys.path:
                    sys.path.insert(0, folder)


def read_config(path: Path) -> GraphsConfig:
    """Read and check `path`. Raises ConfigError with one line that says what to do."""
    path = path.resolve()
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name a langgraph.json, or run in its folder") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f'{path}: expected an object such as {{"graphs": {{"agent": "./agent.py:graph"}}}}')
    if document.get("auth"):
        # To serve without it would open what the author meant to close.
        raise ConfigError(f'{path}: "auth" is not supported by this version of Treadle; remove it to serve without')
    return GraphsConfig(
        path=path,
        graphs=_graphs(path, document.get("graphs")),
        dependencies=_dependencies(path, document.get("dependencies", [])),
        env={**_thread_ttl(path, document.get("checkpointer")), **_environment(path, document.get("env", {}))},
        webhooks=document.get("webhooks"),
        unserved=tuple(key for key, value in document.items() if value and key not in _SERVED | _ABOUT_IMAGES)
        + _unserved_of(document.get("checkpointer")),
    )


def _graphs(path: Path, graphs: Any) -> dict[str, str]:
    if not isinstance(graphs, dict) or not graphs:
        raise ConfigError(f'{path}: "graphs" must name at least one graph, such as {{"agent": "./agent.py:graph"}}')
    specs = {}
    for graph_id, value in graphs.items():
        spec = value.get("path") if isinstance(value, dict) else value
        if not isinstance(spec, str) or not all(spec.rpartition(":")):
            raise ConfigError(f'{path}: graphs.{graph_id} must be "./file.py:attribute" or "module:attribute"')
        specs[graph_id] = spec
    return specs


def _dependencies(path: Path, dependencies: Any) -> tuple[str, ...]:
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise ConfigError(f'{path}: "dependencies" must be a list of folders and packages, such as ["."]')
    for item in dependencies:
        if item.startswith((".", "/")) and not (path.parent / item).is_dir():
            raise ConfigError(f"{path}: dependencies names {item}, and there is no such folder; create or remove it")
    return tuple(dependencies)


def _environment(path: Path, env: Any) -> dict[str, str]:
    if isinstance(env, str):
        file = path.parent / env
        if not file.is_file():
            raise ConfigError(f"{path}: env names {env}, and there is no such file; create it or remove the entry")
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    if not isinstance(env, dict):
        raise ConfigError(f'{path}: "env" must be an object of variables or the name of a .env file')
    return {name: str(value) for name, value in env.items()}


def _thread_ttl(path: Path, checkpointer: Any) -> dict[str, str]:
    """The setting that stands for `checkpointer.ttl`. Threads go when their time is over, so no sweep is configured."""
    if checkpointer is not None and not isinstance(checkpointer, dict):
        raise ConfigError(f'{path}: "checkpointer" must be an object, such as {{"ttl": {{"default_ttl": 43200}}}}')
    ttl = (checkpointer or {}).get("ttl")
    if ttl is None:
        return {}
    if not isinstance(ttl, dict) or ttl.get("strategy", "delete") != "delete":
        raise ConfigError(f'{path}: checkpointer.ttl must be an object with "strategy": "delete", or be left out')
    minutes = ttl.get("default_ttl")
    return {} if minutes is None else {"THREAD_TTL_MINUTES": str(minutes)}


def _unserved_of(checkpointer: dict[str, Any] | None) -> tuple[str, ...]:
    return tuple(f"checkpointer.{key}" for key in checkpointer or () if key != "ttl")
