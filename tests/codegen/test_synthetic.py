"""Every shape that another edition may have: it generates and is reported, or is refused with its place."""

from __future__ import annotations

import dataclasses

import pytest

from codegen.__main__ import main
from codegen.handled import load
from codegen.normalize import body_view, client_view, result_view
from codegen.reports import outcome
from codegen.spec import Inputs, serve
from codegen.table import read
from tests.codegen.changes import edited
from tests.codegen.editions import FIELDS, Workshop
from tests.codegen.synthetic import BREAKING, HARMLESS
from treadle.runs.request import _EXTENSIONS


def test_there_are_enough_of_them() -> None:
    assert len(HARMLESS) + len(BREAKING) >= 50
    assert len(BREAKING) >= 20


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_generates_and_is_reported(workshop: Workshop, name: str) -> None:
    """The views and the table are made, from which the generators write the code."""
    change, named = HARMLESS[name]
    served = serve(workshop.inputs(contract=edited(change)))
    views = [view(served) for view in (body_view, result_view, client_view)]
    rows = read(served.document, served.scope, views[0], views[1], served.settled.gone)
    assert len(rows) == len(load(FIELDS))
    report = "\n".join(outcome(served))
    assert [each for each in named if each not in report] == []
    assert served.missing == []


@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_is_refused_with_its_place(
    workshop: Workshop, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, named = BREAKING[name]
    assert main([], workshop.inputs(contract=edited(change)), workshop.out) == 1
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("codegen: ") for line in lines)
    assert [each for each in named if not any(each in line for line in lines)] == []
    assert not workshop.out.exists()


def test_all_complaints_come_at_once(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    def change(document: dict[str, object]) -> None:
        for name in ("a create has another id", "several are gone", "what is added to is gone", "a type is another"):
            BREAKING[name][0](document)

    assert main([], workshop.inputs(contract=edited(change)), workshop.out) == 1
    said = capsys.readouterr().err
    for part in (
        "now called start_run), health_check (GET /ok",
        "AssistantPatch.properties",
        "after_seconds may be string",
    ):
        assert part in said


def test_the_record_is_what_the_vendored_contract_has() -> None:
    served = serve(Inputs())
    assert (served.settled.unread, served.settled.gone, served.settled.unrecorded) == ([], {}, [])
    handled = load(FIELDS)
    assert sorted(handled) == sorted(served.scope.values())
    for name in ("create_run", "wait_run", "stream_run", "create_run_batch"):
        assert handled[name].beside == _EXTENSIONS


def test_the_record_is_printed_as_it_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fields"]) == 0
    kept = FIELDS.read_text(encoding="utf-8")
    assert capsys.readouterr().out == kept[kept.index("[") :]


def test_missing_operations_are_left_out_where_that_is_allowed(workshop: Workshop) -> None:
    inputs = workshop.inputs(contract=edited(BREAKING["several are gone"][0]))
    served = serve(dataclasses.replace(inputs, allow_missing=True))
    assert [each.name for each in served.missing] == ["health_check", "server_info"]
    assert "/ok" not in served.document["paths"]
