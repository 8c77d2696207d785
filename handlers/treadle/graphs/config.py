"""`langgraph.json`: the graphs, their environment and their dependencies."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from dotenv import dotenv_values

from treadle.errors import ConfigError
from treadle.graphs.auth_config import AuthConfig, read_auth
from treadle.graphs.checkpointer_config import CheckpointerConfig, read_checkpointer
from treadle.graphs.encryption_config import EncryptionConfig, read_encryption
from treadle.graphs.http_config import HttpConfig, read_http
from treadle.graphs.requirements import not_installed
from treadle.graphs.store_config import StoreConfig, read_store
from treadle.graphs.unserved import keys_without_effect, refuse_restrictions, section

FILE = "langgraph.json"
_JAVASCRIPT = (".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx")
log = structlog.get_logger("treadle")


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """Where a graph is, and its author's description of it."""

    path: str
    """`./file.py:attribute` or `package.module:attribute`."""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class GraphsConfig:
    """A `langgraph.json` as read: paths in it are relative to its folder."""

    path: Path
    graphs: dict[str, GraphSpec]
    """By graph id, in the file's order."""
    dependencies: tuple[Path, ...]
    """The folders among them."""
    not_installed: tuple[str, ...]
    """Packages that they name and this environment does not have, as pip takes them."""
    env: dict[str, str]
    required_env: tuple[str, ...]
    """Variables that the environment has to bring."""
    checkpointer: CheckpointerConfig
    store: StoreConfig
    auth: AuthConfig
    encryption: EncryptionConfig
    http: HttpConfig
    webhooks: Any
    """The section about webhooks, as it came; None if there is none."""
    unserved: tuple[str, ...]
    """Keys of the file, with their paths, that this version does not carry out, or does not know."""
    missing: tuple[str, ...]
    """Sentences about things that the file names and that do not exist."""

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self.path.parent

    def enter(self) -> None:
        """Make the graphs importable and set their environment variables, except those that are already set.

        The folders come last, as on the official server: no file of a project stands before a module of Python's.
        """
        for name, value in self.env.items():
            os.environ.setdefault(name, value)
        sources = (folder / "src" for folder in self.dependencies if (folder / "src").is_dir())
        for folder in map(str, (self.folder, *self.dependencies, *sources)):
            if folder not in sys.path:
                sys.path.append(folder)

    def warn(self) -> None:
        """Log the keys of the file that have no effect. One process calls this, after `enter`."""
        for sentence in self.missing:
            log.warning(sentence, config=str(self.path))
        if self.not_installed:
            command = f"pip install {shlex.join(self.not_installed)}"
            log.warning("packages that dependencies needs are not installed", install=command, config=str(self.path))
        if unset := [name for name in self.required_env if name not in os.environ]:
            log.warning("env names variables that are not set", variables=unset, config=str(self.path))
        if self.unserved:
            log.warning("the configuration has keys that this version does not carry out", keys=self.unserved)


def read_config(path: Path) -> GraphsConfig:
    """Read and check `path`, a file or the folder of a `langgraph.json`.

    Raises ConfigError with one line that says what to do.
    """
    path = path.resolve()
    path = path / FILE if path.is_dir() else path
    document = _document(path)
    refuse_restrictions(path, document)
    missing: list[str] = []
    folders, packages = _dependencies(path, document.get("dependencies", []), missing)
    env, required = _environment(path, document.get("env"), missing)
    checkpointer = read_checkpointer(path, section(path, document, "checkpointer"))
    encrypts = document.get("encryption") is not None
    return GraphsConfig(
        path=path,
        graphs=_graphs(path, document.get("graphs")),
        dependencies=folders,
        not_installed=not_installed(packages, folders),
        env={**checkpointer.env, **env},
        required_env=required,
        auth=read_auth(path, section(path, document, "auth")),
        encryption=read_encryption(path, section(path, document, "encryption") if encrypts else None),
        checkpointer=checkpointer,
        store=read_store(path, section(path, document, "store")),
        http=read_http(path, section(path, document, "http")),
        webhooks=document.get("webhooks"),
        unserved=keys_without_effect(document),
        missing=tuple(missing),
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name a {FILE}, or run in its folder") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        hint = "JSON has no comments, and no comma after the last value"
        raise ConfigError(f"{path}: not valid JSON: {error}; {hint}") from None
    if not isinstance(document, dict):
        raise ConfigError(f'{path}: expected an object such as {{"graphs": {{"agent": "./agent.py:graph"}}}}')
    return document


def _graphs(path: Path, graphs: Any) -> dict[str, GraphSpec]:
    if not isinstance(graphs, dict) or not graphs:
        fault = "be an object that names" if graphs else "name"
        raise ConfigError(f'{path}: "graphs" must {fault} at least one graph, such as {{"agent": "./agent.py:graph"}}')
    return {graph_id: _graph(f"{path}: graphs.{graph_id}", value) for graph_id, value in graphs.items()}


def _graph(where: str, value: Any) -> GraphSpec:
    given = value if isinstance(value, dict) else {"path": value}
    spec, description = given.get("path"), given.get("description")
    location, _, attribute = spec.rpartition(":") if isinstance(spec, str) else ("", "", "")
    if location.endswith(_JAVASCRIPT):
        raise ConfigError(f"{where} ({spec}): graphs in JavaScript or TypeScript are not served; remove it")
    is_path = "/" in location or location.startswith(".")
    if not spec or not location or not attribute or (is_path and not location.endswith(".py")):
        raise ConfigError(f'{where} must be "./file.py:attribute" or "module:attribute", and not {json.dumps(spec)}')
    if description is not None and not isinstance(description, str):
        raise ConfigError(f"{where}.description must be a string")
    return GraphSpec(spec, description)


def _dependencies(path: Path, dependencies: Any, missing: list[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The folders and the packages; a name without a folder of that name is a package's."""
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise ConfigError(f'{path}: "dependencies" must be a list of folders and packages, such as ["."]')
    folders, packages = [], []
    for item in dependencies:
        folder = path.parent / item
        try:
            folder = folder.resolve()
            is_folder, is_file = folder.is_dir(), folder.is_file()
        except (OSError, ValueError, RuntimeError):  # a loop of links, or a name that no file can have
            is_folder, is_file = False, True
        if is_folder:
            folders.append(folder)
        elif item.startswith((".", "/")) or is_file:
            missing.append(f"dependencies names {item}, and there is no such folder; going on without it")
        else:
            packages.append(item)
    return tuple(folders), tuple(packages)


def _environment(path: Path, env: Any, missing: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables that are given, and the names of those that must be set already."""
    if isinstance(env, str) and env:
        return _env_file(path, env, missing), ()
    if isinstance(env, list) and all(isinstance(name, str) for name in env):
        return {}, tuple(env)
    if env and not isinstance(env, dict):
        raise ConfigError(f'{path}: "env" must be an object of variables, a list of names or the name of a .env file')
    for name, value in (env or {}).items():
        if not isinstance(value, str | int | float):
            raise ConfigError(f"{path}: env.{name} must be a text or a number, and not {json.dumps(value)}")
    variables = {name: str(value) for name, value in (env or {}).items()}
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise ConfigError(
                f"{path}: env gives {name!r}, which cannot be set in an environment; correct or remove it"
            )
    return variables, ()


def _env_file(path: Path, name: str, missing: list[str]) -> dict[str, str]:
    file = path.parent / name
    if not file.is_file():
        missing.append(f"env names {name}, and there is no such file; going on without it")
        return {}
    try:
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: env names {name}, which cannot be read: {error}") from None
