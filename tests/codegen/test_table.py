"""The operation table as handlers see it."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Literal
from uuid import UUID

import pytest

from codegen.document import Document, at, split
from codegen.normalize import View
from codegen.table import read
from tests.codegen.conftest import Made
from tests.codegen.editions import scope
from treadle_api import operations as op
from treadle_api import results

BY_NAME = {operation.name: operation for operation in op.ALL}


def test_the_table_is_the_scope() -> None:
    assert {operation.operation_id: operation.name for operation in op.ALL} == scope()


def test_literal_segments_come_before_parameters(whole: Made) -> None:
    paths = [operation.path for operation in whole[1].operations]
    for first, then in [
        ("/runs/crons/search", "/runs/crons/{cron_id}"),
        ("/runs/stream", "/runs/{run_id}"),
        ("/threads/search", "/threads/{thread_id}"),
        ("/assistants/{assistant_id}/subgraphs", "/assistants/{assistant_id}/subgraphs/{namespace}"),
        ("/threads/{thread_id}/state/checkpoint", "/threads/{thread_id}/state/{checkpoint_id}"),
    ]:
        assert paths.index(first) < paths.index(then)


def test_every_pointer_leads_to_a_schema(project: Made) -> None:
    document: Document = project[1].served.document
    for operation in op.ALL:
        if operation.body_pointer:
            assert "$ref" in at(document, split(operation.body_pointer))
        for parameter in operation.parameters:
            node = at(document, split(parameter.pointer)[:-1])
            assert (node["name"], node["in"]) == (parameter.name, parameter.location)
            assert isinstance(at(document, split(parameter.pointer)), dict)


def test_the_stream_can_be_joined_with_typed_parameters() -> None:
    hints = typing.get_type_hints(op.JoinRunStreamParameters)
    assert hints["run_id"] is UUID
    assert hints["last_event_id"] == str | None
    assert typing.get_origin(typing.get_args(hints["stream_mode"])[0]) is list
    run_id = UUID(int=1)
    made = op.join_run_stream.make_parameters(run_id=run_id)
    assert made == op.JoinRunStreamParameters(run_id, None, None, False)
    kinds = {parameter.name: (parameter.field, parameter.kind) for parameter in op.join_run_stream.parameters}
    assert kinds == {
        "run_id": ("run_id", "uuid"),
        "Last-Event-ID": ("last_event_id", "string"),
        "stream_mode": ("stream_mode", "array"),
        "cancel_on_disconnect": ("cancel_on_disconnect", "boolean"),
    }


def test_a_schema_default_is_the_default_of_the_field() -> None:
    assert op.HealthCheckParameters().check_db == 0
    assert op.JoinRunParameters(UUID(int=1)).cancel_on_disconnect is False


@pytest.mark.parametrize(
    ("name", "status", "media_type", "declared"),
    [
        ("create_run", 200, "application/json", {200, 400, 401, 403, 404, 408, 409, 413, 422, 431, 503}),
        ("stream_run", 200, "text/event-stream", {200, 400, 401, 403, 404, 408, 409, 413, 422, 431, 503}),
        ("get_run", 200, "application/json", {200, 400, 401, 403, 404, 408, 422, 431, 503}),
        ("health_check", 200, "application/json", {200, 400, 408, 422, 431, 500, 503}),
    ],
)
def test_statuses(name: str, status: int, media_type: str, declared: set[int]) -> None:
    operation = BY_NAME[name]
    assert (operation.status, operation.media_type, operation.statuses) == (status, media_type, frozenset(declared))


def test_results_are_typed_dicts_with_ids_as_text() -> None:
    run = typing.get_type_hints(op.CreateRunResult)
    assert run["run_id"] is str
    assert run["created_at"] is str
    assert run["multitask_strategy"] is Any
    assert set(typing.get_args(run["status"])) == {"pending", "running", "error", "success", "timeout", "interrupted"}
    detail = typing.get_type_hints(results.RunDetail)
    assert list(detail)[: len(run)] == list(run)
    assert detail["error"] == results.RunFailure | None
    assert results.RunDetail.__required_keys__ >= {"values", "error", "interrupts", "expires_at", "attempts"}


def test_an_operation_without_a_body_loads_none() -> None:
    assert op.get_run.load_body({"anything": 1}) is None
    assert op.get_run.body_pointer is None


def table_of(schema: dict[str, Any], *, required: bool = False) -> Any:
    """The row of the only parameter of an operation."""
    parameter = {"name": "x-It", "in": "query", "required": required, "schema": schema}
    operation = {"operationId": "look", "parameters": [parameter], "responses": {"204": {"description": ""}}}
    document: Document = {"paths": {"/look": {"get": operation}}, "components": {"schemas": {}}}
    (row,) = read(document, {"look": "look"}, View("", document), View("", document))
    return row


STRING = {"type": "string"}
UUID_ = {"type": "string", "format": "uuid"}
ENUM = {"type": "string", "enum": ["a", "b"]}


@pytest.mark.parametrize(
    ("schema", "kind", "type_", "default"),
    [
        (STRING, "string", "str | None", "None"),
        (UUID_, "uuid", "UUID | None", "None"),
        ({"anyOf": [UUID_, STRING]}, "string", "str | None", "None"),
        ({"type": "integer", "default": 10}, "integer", "int", "10"),
        ({"type": "number"}, "number", "float | None", "None"),
        ({"type": "boolean", "default": False}, "boolean", "bool", "False"),
        ({**ENUM, "default": "a"}, "string", "Literal['a', 'b']", "'a'"),
        ({"type": "array", "items": UUID_}, "array", "list[UUID] | None", "None"),
        ({"anyOf": [ENUM, {"type": "array", "items": ENUM}]}, "array", "list[Literal['a', 'b']] | None", "None"),
        (
            {"anyOf": [ENUM, {"type": "array", "items": ENUM}], "default": ["a"]},
            "array",
            "list[Literal['a', 'b']]",
            "field(default_factory=lambda: ['a'])",
        ),
        ({"type": ["string", "null"]}, "string", "str | None", "None"),
    ],
)
def test_how_a_parameter_is_read(schema: dict[str, Any], kind: str, type_: str, default: str) -> None:
    (parameter,) = table_of(schema).parameters
    assert (parameter.field, parameter.kind, parameter.type, parameter.default) == ("x_it", kind, type_, default)


def test_a_required_parameter_has_no_default() -> None:
    (parameter,) = table_of({"type": "string"}, required=True).parameters
    assert (parameter.type, parameter.default) == ("str", None)


def test_an_answer_without_a_body() -> None:
    row = table_of(STRING)
    assert (row.status, row.media_type, row.result) == (204, None, "None")


def test_rows_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(op.create_run, "path", "/x")  # noqa: B010


def test_the_kinds_are_those_that_binding_knows() -> None:
    hints = typing.get_type_hints(op.Parameter)
    assert hints["kind"] == Literal["string", "uuid", "integer", "number", "boolean", "array", "repeated"]
