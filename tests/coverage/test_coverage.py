"""docs/coverage.md keeps up with the contract and with the tests, and says so when it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.coverage.__main__ import faults
from tests.coverage.document import Row, Tables, render
from tests.coverage.marks import ROOT, Mark, problems
from tests.coverage.subjects import NEVER, cells, verdict

TEST = "tests/web/test_some.py::test_name"
ALL = [Mark(TEST, operation, field) for operation, field in cells() if verdict((operation, field)) != NEVER]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own: pytest is not made to run inside itself."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_there_is_nothing_to_say_of_complete_marks() -> None:
    assert problems(ALL) == []


@pytest.mark.parametrize(
    ("operations", "fields", "said"),
    [
        ("wait_runs", "metadata", "no operation is called 'wait_runs'"),
        ("wait_run", "metdata", "wait_run has no 'metdata'"),
        ("get_run wait_run", "metadata", "get_run has no 'metadata'"),
        ("wait_run", "durability=sync,never", "wait_run has no 'durability=never'"),
        ("wait_run", "on_completion", "wait_run has no 'on_completion', but on_completion=delete, on_completion=keep"),
        ("wait_run", "404 418", "wait_run has no '418'"),
        ("health_check", "500", "shows health_check 500, which is listed as never sent"),
    ],
)
def test_a_mark_that_names_nothing_is_named(operations: str, fields: str, said: str) -> None:
    assert problems([*ALL, Mark(TEST, operations, fields)]) == [f"{TEST}: {said}"]


@pytest.mark.parametrize("cell", [("wait_run", "metadata"), ("cancel_run", "action=rollback"), ("get_run", "404")])
def test_what_no_test_shows_is_named(cell: tuple[str, str]) -> None:
    marks = [mark for mark in ALL if (mark.operations, mark.fields) != cell]
    assert problems(marks) == [f"no test shows {' '.join(cell)}"]
    assert "**no test**" in render(marks)


def test_a_document_that_is_not_current_is_named(tmp_path: Path) -> None:
    document = tmp_path / "coverage.md"
    stale = ["docs/coverage.md is not current: run python -m tests.coverage"]
    assert faults(ALL, document) == stale
    document.write_text(render(ALL), encoding="utf-8")
    assert faults(ALL, document) == []
    assert faults([*ALL, Mark("tests/web/test_a.py::test_a", "get_run", "200")], document) == stale


def test_a_row_says_what_becomes_of_a_field_and_which_test_shows_it() -> None:
    one, other = "tests/web/test_a.py::test_one", "tests/web/test_b.py::test_other"
    tables = Tables([Mark(one, "create_run wait_run", "metadata"), Mark(other, "wait_run", "metadata")])
    row = Row((), "metadata", [("create_run", "metadata"), ("wait_run", "metadata"), None, ("health_check", "500")])
    assert tables.table(["field", "a", "b", "c", "d"], [row]).splitlines() == [
        "| field | a | b | c | d |",
        "| --- | --- | --- | --- | --- |",
        "| `metadata` | honoured [1](#t1) | honoured [1](#t1) [2](#t2) |  | never sent |",
    ]
    assert tables.tests().splitlines() == [
        f'1. <a id="t1"></a>[{one}](../tests/web/test_a.py)',
        f'2. <a id="t2"></a>[{other}](../tests/web/test_b.py)',
    ]


def test_values_that_have_all_in_common_share_a_row() -> None:
    tables = Tables([Mark(TEST, "wait_run", "durability=sync,exit")])
    rows = [Row((), f"durability={each}", [("wait_run", f"durability={each}")]) for each in ("sync", "async", "exit")]
    assert [line.split(" | ")[0] for line in tables.table(["field", "a"], rows).splitlines()[2:]] == [
        "| `durability`: `sync`, `exit`",
        "| `durability`: `async`",
    ]


def test_the_witness_names_the_marks_that_are_not_true() -> None:
    done = run("pytest", "-p", "tests.coverage.witness", "-p", "no:cacheprovider", "tests/coverage/planted.py")
    assert done.returncode == 1
    assert "2 passed" in done.stdout
    place = "tests/coverage/planted.py::test_that_does_not does not show "
    assert [line.removeprefix(place) for line in done.stdout.splitlines() if " does not show " in line] == [
        "stream_run metadata",
        "wait_run 404",
        "wait_run context",
        "wait_run on_completion=delete",
    ]
