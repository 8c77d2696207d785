"""The house rules that a program can hold: sizes, names, and documents that keep up with the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import treadle_api.operations as op
from treadle.settings import _VARIABLES, Settings

ROOT = Path(__file__).parent.parent
FOLDERS = ("handlers", "codegen", "examples", "tests", "benchmarks")
LOCKS = [
    "requirements.lock",
    "requirements-lowest.lock",
    "benchmarks/charts.lock",
    "benchmarks/peers.lock",
    "examples/deploy/server.lock",
    "examples/deploy/build.lock",
]
WRITTEN = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 300
    assert [(name, lines) for name, lines in functions(path) if lines > 60] == []


def test_names_say_what_is_inside() -> None:
    nothing = {"utils", "util", "core", "common", "helpers", "helper", "services", "managers", "manager", "misc"}
    assert [path for path in WRITTEN if nothing & set(path.relative_to(ROOT).with_suffix("").parts)] == []


def test_every_setting_is_documented_with_its_default() -> None:
    rows = (ROOT / "docs" / "settings.md").read_text("utf-8")
    named = {
        "database_direct_uri": "none",
        "run_retention_bytes": "4 GiB in a file, 64 GiB in PostgreSQL, 256 MiB in memory",
        "thread_ttl": "for ever",
        "webhook_secret": "not signed",
        "api_keys": "none",
        "api_keys_file": "none",
        "public_url": "as requested",
        "root_path": "none",
        "secret_key": "kept in the store",
        "cors_allow_origins": "`http.cors`, or `*`",
    }
    for variable, (field, _) in _VARIABLES.items():
        default = getattr(Settings(), field)
        shown = ",".join(default) if isinstance(default, tuple) else str(default).removesuffix(".0")
        shown = shown.lower() if isinstance(default, bool) else shown
        shown = named.get(field, shown)
        assert re.search(rf"^\| `{variable}` \|[^|]*\| `?{re.escape(shown)}`? \|", rows, re.MULTILINE), variable


def test_every_operation_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for operation in op.ALL:
        last = "/" + operation.path.rsplit("/", 1)[1]
        assert operation.path in readme or f"`{last}`" in readme, operation.path


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_a_registry_or_a_machine(name: str) -> None:
    lock = (ROOT / name).read_text("utf-8")
    assert re.findall(r"https?://|file:|--index|--find-links", lock) == []
