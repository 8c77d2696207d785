"""Normalisation keeps or widens verdicts, and models load all that the contract accepts."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from codegen.document import Document, rewrite_all
from codegen.rules import BODY, CLIENT, REPAIRS, RESULT, SHARED, Rule, apply
from tests.codegen.conftest import Made
from tests.codegen.documents import documents
from tests.codegen.editions import contract
from treadle_api import operations as op

RULES: tuple[Rule, ...] = tuple(dict.fromkeys((*REPAIRS, *SHARED, *BODY, *RESULT, *CLIENT)))
SCHEMAS = sorted(contract()["components"]["schemas"])
SERVED: Document = json.loads(Path(op.__file__).with_name("openapi.json").read_text(encoding="utf-8"))
WITH_BODY = [operation for operation in op.ALL if operation.body_pointer]

# The same examples each time: a contract test must not fail at random.
thorough = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def validator(document: Document, pointer: str) -> jsonschema_rs.Validator:
    """A validator of one schema of a document."""
    # A reference is a URI, so the braces of a path are quoted.
    return jsonschema_rs.Draft202012Validator({"$ref": quote(pointer, safe="#/~"), **document})


@cache
def after(rule: Rule | None) -> Document:
    """The contract after one rule, with or without effect on it."""
    document = copy.deepcopy(contract())
    if rule is not None:
        rewrite_all(document, apply((rule,), document, []))
    return document


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_rule_changes_which_documents_are_valid(name: str) -> None:
    """A rule marked `same` leaves the verdict; one marked `wider` refuses nothing that the contract accepts."""
    pointer = f"#/components/schemas/{name}"
    judges = [(rule, validator(after(rule), pointer)) for rule in RULES]
    reference = validator(after(None), pointer)

    @thorough
    @given(st.booleans().flatmap(lambda faults: documents({"$ref": pointer}, after(None), faults=faults)))
    def holds(document: Any) -> None:
        accepted = reference.is_valid(document)
        for rule, judge in judges:
            verdict = judge.is_valid(document)
            assert verdict >= accepted, f"{rule.name} refuses {document!r}"
            if rule.verdict == "same":
                assert verdict == accepted, f"{rule.name} accepts {document!r}"

    holds()


@thorough
@given(st.data())
@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
def test_a_model_loads_what_the_contract_accepts(operation: op.Operation[Any, Any, Any], data: st.DataObject) -> None:
    """... and gives it back as it was: unknown keys kept, absent keys absent, numbers and ids as they were sent."""
    assert operation.body_pointer
    document = data.draw(documents({"$ref": operation.body_pointer}, SERVED, faults=False))
    assume(validator(SERVED, operation.body_pointer).is_valid(document))
    sent = copy.deepcopy(document)
    body = operation.load_body(document)
    assert document == sent
    assert body.model_dump(exclude_unset=True, by_alias=True) == sent


def test_models_of_the_whole_contract_load_what_it_accepts(whole: Made) -> None:
    workshop, output = whole
    models = load(workshop.generated / "treadle_api" / "models.py")
    served = output.served.document
    for row in output.operations:
        if row.body_model and row.body_pointer:
            loads_all(getattr(models, row.body_model), served, row.body_pointer)


def load(path: Path) -> ModuleType:
    """A generated module under a name of its own."""
    spec = importlib.util.spec_from_file_location("models_of_the_whole_contract", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # Pydantic looks the module up while it is being loaded.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def loads_all(model: Any, served: Document, pointer: str) -> None:
    """Every document that fits the schema loads into the model."""
    judge = validator(served, pointer)
    loaded = []

    @settings(thorough, max_examples=25)
    @given(documents({"$ref": pointer}, served, faults=False))
    def holds(document: Any) -> None:
        if judge.is_valid(document):
            loaded.append(model.model_validate(document))

    holds()
    assert loaded, pointer


@pytest.mark.parametrize(
    "field",
    [
        {"config": {"recursion_limit": 7.0}},
        {"config": {"recursion_limit": 1e20}},
        {"config": {"tags": ["a"], "x": {"y": [1, None]}}},
        {"after_seconds": 5},
        {"after_seconds": 5.5},
        {"input": 2**60 + 1},
        {"input": None},
        {"command": {"goto": ["a", "b"], "update": [1]}},
        {"command": {"goto": [{"node": "a", "input": 1}]}},
        {"command": None},
        {"stream_mode": ["values", "custom"]},
        {"metadata": {"when": "2026-11-21T02:41:29Z"}},
        {"webhook": "/relative"},
        {"unknown": {"model_config": 1}},
    ],
    ids=json.dumps,
)
def test_what_was_sent_is_what_is_read(field: dict[str, Any]) -> None:
    document = {"assistant_id": "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", **field}
    body = op.stream_run.load_body(document)
    read = body.model_dump(exclude_unset=True, by_alias=True)
    assert read == document
    assert body.assistant_id == "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"
    assert isinstance(read.get("after_seconds", 5), type(field.get("after_seconds", 5)))


def test_absent_and_null_can_be_told_apart() -> None:
    absent = op.stream_run.load_body({"assistant_id": "agent"})
    null = op.stream_run.load_body({"assistant_id": "agent", "input": None})
    assert absent.input is None
    assert null.input is None
    assert "input" not in absent.model_fields_set
    assert "input" in null.model_fields_set
    assert (absent.on_disconnect, absent.stream_mode, absent.checkpoint_during) == ("continue", ["values"], True)
