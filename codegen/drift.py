"""Compares the committed output with the output of the pipeline, and replaces it."""

from __future__ import annotations

import shutil
from pathlib import Path

from codegen.pipeline import CORRECTIONS, GENERATED, NORMALISATION

_DOCUMENTS = (CORRECTIONS, NORMALISATION)


def differences(fresh: Path, committed: Path) -> list[str]:
    """One line for each file that is stale, missing or an orphan."""
    lines = []
    for name in sorted(_files(fresh) | _files(committed)):
        new, old = fresh / name, committed / name
        if not new.exists():
            lines.append(f"orphan: {name}")
        elif not old.exists():
            lines.append(f"missing: {name}")
        elif new.read_bytes() != old.read_bytes():
            lines.append(f"stale: {name}")
    return lines


def install(fresh: Path, root: Path) -> None:
    """Make the committed output equal to the fresh one; delete all other files."""
    wanted = _files(fresh)
    # File by file, so that a server or a type checker that reads at the same time misses no file.
    for name in sorted(wanted):
        target = root / name
        content = (fresh / name).read_bytes()
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for name in sorted(_files(root) - wanted):
        (root / name).unlink()
    for folder in sorted((root / GENERATED).rglob("*/"), reverse=True):
        if folder.is_dir() and not any(path.name != "__pycache__" for path in folder.iterdir()):
            shutil.rmtree(folder)


def _files(root: Path) -> set[str]:
    found = {
        path.relative_to(root).as_posix()
        for path in (root / GENERATED).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return found | {name for name in _DOCUMENTS if (root / name).exists()}
