"""The packages that a project needs, and which of them this environment does not have."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement

MOST_BYTES = 100_000
"""The largest file that is looked into."""


def not_installed(packages: Iterable[str], folders: Iterable[Path]) -> tuple[str, ...]:
    """The requirements that are not met: of `dependencies` itself, and of the projects in its folders."""
    asked = dict.fromkeys([*packages, *(each for folder in folders for each in _of_project(folder))])
    return tuple(requirement for requirement in asked if not _is_met(requirement))


def _of_project(folder: Path) -> Iterator[str]:
    """What `pip install` would install for a folder. A file that cannot be read is for pip to complain about."""
    try:
        project: Any = tomllib.loads(_text(folder / "pyproject.toml")).get("project", {})
        dependencies = project.get("dependencies")
        yield from (each for each in dependencies if isinstance(each, str)) if isinstance(dependencies, list) else ()
    except (ValueError, AttributeError, RecursionError):
        pass
    for line in _text(folder / "requirements.txt").splitlines():
        requirement = line.partition(" #")[0].strip()
        if requirement and not requirement.startswith(("#", "-")):
            yield requirement


def _text(file: Path) -> str:
    """Return the text of a file. Returns an empty text if the file is missing, unreadable or above MOST_BYTES."""
    try:
        if file.is_file() and file.stat().st_size <= MOST_BYTES:
            return file.read_text("utf-8-sig")
    except (OSError, ValueError, RuntimeError):
        pass
    return ""


def _is_met(text: str) -> bool:
    """True as well for what names no package of an index, such as an address of a repository."""
    try:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            return True
    except (ValueError, UndefinedComparison, UndefinedEnvironmentName, RecursionError):  # pip has the right words
        return True
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return False
    return requirement.specifier.contains(installed, prereleases=True)
