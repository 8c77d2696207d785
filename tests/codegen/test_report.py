"""The report on two documents: what changed, whether that breaks clients, and which ones."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from codegen.__main__ import main
from codegen.document import Document
from codegen.verify import ROUTES
from tests.codegen.changes import (
    Change,
    edited,
    inlined_schema,
    merged_schemas,
    moved_operation,
    operation,
    optional,
    referred_field,
    renamed_field,
    renamed_operation,
    renamed_schema,
    replaced,
    schema,
    split_schema,
    with_field,
    with_parameter,
    without_field,
    without_operation,
    without_parameter,
)
from tests.codegen.editions import CONTRACT, Workshop, scope
from tests.codegen.synthetic import CREATE, NEW

RUNS = "GET /threads/{thread_id}/runs"
SEND, READ = "clients that send", "clients that read"
FREE = {"type": "string"}


def answer(document: Document, place: str, status: str) -> dict[str, Any]:
    node: dict[str, Any] = operation(document, place)["responses"][status]
    return node


CASES: dict[str, tuple[Change, str, str, str]] = {
    "operation removed": (without_operation("POST /runs/batch"), "operation-removed", "breaking", SEND),
    "operation moved": (moved_operation("POST /runs/wait", "/runs/await"), "operation-moved", "breaking", SEND),
    "operation renamed": (renamed_operation("POST /runs", "start"), "operation-id-changed", "warning", SEND),
    "field added": (with_field(CREATE, "priority", NEW), "request-field-added", "info", SEND),
    "required field added": (
        with_field(CREATE, "priority", NEW, required=True),
        "request-required-field-added",
        "breaking",
        SEND,
    ),
    "field removed": (without_field(CREATE, "webhook"), "request-field-removed", "warning", SEND),
    "field renamed": (renamed_field(CREATE, "webhook", "callback"), "request-field-removed", "warning", SEND),
    "field became optional": (optional(CREATE, "assistant_id"), "request-field-became-optional", "info", SEND),
    "value added": (
        replaced(CREATE, "durability", enum=["sync", "async", "exit", "lazy"]),
        "request-enum-value-added",
        "info",
        SEND,
    ),
    "value removed": (
        replaced(CREATE, "durability", enum=["sync", "async"]),
        "request-enum-value-removed",
        "breaking",
        SEND,
    ),
    "became an enum": (replaced("StorePutRequest", "key", enum=["a"]), "request-became-enum", "breaking", SEND),
    "default changed": (replaced(CREATE, "durability", default="exit"), "request-default-changed", "warning", SEND),
    "type changed": (replaced(CREATE, "after_seconds", type="string"), "request-type-changed", "breaking", SEND),
    "type narrowed": (replaced(CREATE, "after_seconds", type="integer"), "request-type-narrowed", "breaking", SEND),
    "null allowed, 3.1": (
        replaced(CREATE, "after_seconds", type=["number", "null"]),
        "request-type-widened",
        "info",
        SEND,
    ),
    "null allowed, 3.0": (replaced(CREATE, "after_seconds", nullable=True), "request-type-widened", "info", SEND),
    "limit lowered": (replaced(CREATE, "webhook", maxLength=10), "request-limit-narrowed", "breaking", SEND),
    "limit raised": (replaced(CREATE, "webhook", maxLength=99999999), "request-limit-widened", "info", SEND),
    "parameter added": (with_parameter(RUNS, "since", NEW), "parameter-added", "info", SEND),
    "required parameter added": (
        with_parameter(RUNS, "since", NEW, required=True),
        "required-parameter-added",
        "breaking",
        SEND,
    ),
    "parameter removed": (without_parameter(RUNS, "limit"), "parameter-removed", "warning", SEND),
    "body removed": (
        lambda document: operation(document, "PUT /store/items").pop("requestBody"),
        "request-body-removed",
        "breaking",
        SEND,
    ),
    "unknown fields refused": (
        lambda document: schema(document, CREATE).update(additionalProperties=False),
        "request-unknown-fields-changed",
        "breaking",
        SEND,
    ),
    "answered field added": (with_field("Run", "cost", FREE), "response-field-added", "info", READ),
    "answered field removed": (without_field("Run", "status"), "response-required-field-removed", "breaking", READ),
    "answered field optional": (optional("Run", "status"), "response-field-became-optional", "breaking", READ),
    "answered value added": (
        lambda document: schema(document, "Run")["properties"]["status"]["enum"].append("paused"),
        "response-enum-value-added",
        "warning",
        READ,
    ),
    "answered null": (
        replaced("Run", "created_at", type=["string", "null"]),
        "response-type-widened",
        "breaking",
        READ,
    ),
    "status added": (
        lambda document: operation(document, RUNS)["responses"].update({"418": {"description": ""}}),
        "status-added",
        "info",
        READ,
    ),
    "success removed": (
        lambda document: operation(document, RUNS)["responses"].pop("200"),
        "success-status-removed",
        "breaking",
        READ,
    ),
    "media type removed": (
        lambda document: answer(document, RUNS, "200")["content"].pop("application/json"),
        "response-media-type-removed",
        "breaking",
        READ,
    ),
}
"""By name: the change, its category, its level, and whom it is for."""

SAME: dict[str, Change] = {
    "a schema renamed": renamed_schema("Run", "RunView"),
    "a schema written in place": inlined_schema("StoreDeleteRequest"),
    "a schema split": split_schema("StoreSearchRequest", ("limit", "offset")),
    "two equal schemas merged": merged_schemas("Run", "Run2"),
    "a field referred to": referred_field(CREATE, "metadata"),
    "words": lambda document: document["info"].update(description="Another."),
}
"""Changes that no client can see."""


def compared(folder: Path, old: Document, new: Document, *options: str) -> tuple[int, list[Path]]:
    """The exit code of the report, and the files."""
    files = [folder / "old.json", folder / "new.json"]
    for path, document in zip(files, (old, new), strict=True):
        path.write_text(json.dumps(document), encoding="utf-8")
    return main(["report", *map(str, files), *options]), files


@pytest.mark.parametrize("name", CASES)
def test_each_category(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, rule, level, affects = CASES[name]
    code, _ = compared(tmp_path, edited(lambda document: None), edited(change), "--json", "--fail-on", "breaking")
    report = json.loads(capsys.readouterr().out)
    found = [each for each in report["changes"] if each["rule"] == rule]
    assert [(each["level"], each["affects"]) for each in found][:1] == [(level, affects)], report["changes"]
    assert code == int(report["counts"]["breaking"] > 0)
    assert all(each["operations"] for each in report["changes"])


@pytest.mark.parametrize("name", SAME)
def test_what_no_client_can_see_is_no_difference(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    def twins(document: Document) -> None:
        if "merged" in name:
            document["components"]["schemas"]["Run2"] = json.loads(json.dumps(schema(document, "Run")))

    def change(document: Document) -> None:
        twins(document)
        SAME[name](document)

    assert compared(tmp_path, edited(twins), edited(change), "--fail-on", "info")[0] == 0
    assert capsys.readouterr().out.endswith("no differences\n")


def test_the_report_names_handlers_and_methods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = CASES["value removed"][0]
    assert compared(tmp_path, edited(lambda document: None), edited(change), "--fail-on", "breaking")[0] == 1
    said = capsys.readouterr().out
    assert "request body, durability: the value 'exit' is gone" in said
    assert "for clients that send; handler stateless.stream_run, stateless.wait_run, stateless.create_run" in said
    assert "client runs.stream, runs.wait, runs.create" in said
    assert said.startswith("old: structure e48bee064b8d, 64 operations, langgraph-api 0.16.7\nnew: structure ")
    assert "version unknown" in said


def test_a_breaking_change_is_none_the_other_way_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = edited(CASES["required parameter added"][0])
    assert compared(tmp_path, change, edited(lambda document: None), "--fail-on", "breaking")[0] == 0
    assert "parameter-removed" in capsys.readouterr().out


def test_any_two_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of other APIs, of OpenAPI 3.0, and with references that lead nowhere."""
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lost"}}}}
    ok = {"200": {"description": ""}}
    old: Document = {"openapi": "3.0.3", "paths": {"/a/{x}": {"post": {"requestBody": body, "responses": ok}}}}
    new: Document = {"openapi": "3.1.0", "paths": {"/a/{y}": {"post": {"responses": ok}}}}
    assert compared(tmp_path, old, new, "--fail-on", "breaking")[0] == 1
    assert "POST /a/{y}: request body: there is no body any more" in capsys.readouterr().out
    (tmp_path / "none.json").write_text("{}", encoding="utf-8")
    assert main(["report", str(tmp_path / "none.json"), str(CONTRACT)]) == 1
    assert capsys.readouterr().err == "codegen: none.json: not an OpenAPI 3 document\n"


def place(workshop: Workshop) -> tuple[Any, Path]:
    """Inputs with a contract that may be replaced, and a checkout with a table of routes."""
    inputs = workshop.inputs(contract=edited(lambda document: None))
    routes = workshop.folder / "checkout" / ROUTES
    routes.parent.mkdir(parents=True)
    routes.write_text("\n".join(f"bind(op.{name}, handler)" for name in scope().values()), encoding="utf-8")
    return inputs, workshop.folder / "checkout"


def test_an_update_replaces_the_contract_generates_and_reports(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, root = place(workshop)
    file = workshop.folder / "new.json"
    file.write_text(json.dumps(edited(CASES["field added"][0])), encoding="utf-8")
    assert main(["update", str(file)], inputs, root) == 0
    said = capsys.readouterr().out
    assert "request body, priority: a new field" in said
    assert "  create_run priority" in said
    assert inputs.contract.read_bytes() == file.read_bytes()
    assert main(["--check"], inputs, root) == 0


def test_an_update_that_needs_a_decision_replaces_nothing(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, root = place(workshop)
    before = inputs.contract.read_bytes()
    file = workshop.folder / "new.json"
    file.write_text(json.dumps(edited(CASES["type changed"][0])), encoding="utf-8")
    assert main(["update", str(file)], dataclasses.replace(inputs), root) == 1
    printed = capsys.readouterr()
    assert "request body, after_seconds: was number, and is string" in printed.out
    assert "after_seconds may be string, and its handler reads number" in printed.err
    assert inputs.contract.read_bytes() == before
    assert not (root / "generated").exists()
