"""Our words take the place of an edition's own, whatever these are and in whatever order its keywords come."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from codegen.__main__ import main
from codegen.document import Document, join
from codegen.prose import lay, load
from codegen.reports import outcome
from codegen.spec import Inputs, serve
from codegen.structure import structure
from tests.codegen.changes import edited, with_field
from tests.codegen.editions import PROSE, Workshop, contract, titled


def test_the_contract_itself_has_no_words() -> None:
    """But for the empty descriptions of responses, which OpenAPI requires."""
    assert {pointer[-2] for pointer in lay(contract(), {}).wanting} == {"responses"}


def reversed_keywords(node: Any) -> Any:
    """The parameters and bodies with their keywords in another order, as another generator writes them."""
    if isinstance(node, dict):
        changed = {key: reversed_keywords(value) for key, value in node.items()}
        return dict(reversed(changed.items())) if "in" in node else changed
    return [reversed_keywords(each) for each in node] if isinstance(node, list) else node


def test_the_document_of_its_publisher_gives_the_same_bytes(workshop: Workshop) -> None:
    theirs = {"title": "Theirs", "description": "Of another author.", "examples": [1]}
    official: Document = lay(contract(), dict.fromkeys(load(PROSE), theirs)).document
    official["info"]["title"] = contract()["info"]["title"]  # which is a fact, and not prose
    served = serve(workshop.inputs(contract=reversed_keywords(official)))
    assert served.edition.vendored
    assert served.wanting == []
    assert json.dumps(served.document) == json.dumps(serve(Inputs()).document)


def test_words_everywhere_change_nothing_else(workshop: Workshop) -> None:
    served = serve(workshop.inputs(contract=titled(contract())))
    assert structure(served.document) == structure(serve(Inputs()).document)
    assert {join(pointer) for pointer in served.wanting}.isdisjoint(load(PROSE))
    assert served.wanting


def test_what_wants_words_is_listed(workshop: Workshop) -> None:
    part = {"type": "integer", "title": "Priority", "description": "Of another author."}
    change = with_field("RunCreateStateless", "priority", part)
    served = serve(workshop.inputs(contract=edited(change)))
    assert served.wanting == [("components", "schemas", "RunCreateStateless", "properties", "priority")]
    assert "  #/components/schemas/RunCreateStateless/properties/priority" in outcome(served)
    kept = served.document["components"]["schemas"]["RunCreateStateless"]["properties"]["priority"]
    assert kept["description"] == "Of another author."
    assert "title" not in kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("'#/paths/~1gone': {summary: Gone}", "prose.yaml: #/paths/~1gone leads nowhere in the vendored contract"),
        ("'#/info': {version: '2'}", "prose.yaml: #/info: 'version' is not prose; that belongs into overlay.yaml"),
        ("- a", "prose.yaml: not a mapping of pointers to words"),
        ("{", "prose.yaml: "),
    ],
)
def test_a_faulty_file(workshop: Workshop, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = workshop.folder / "prose.yaml"
    path.write_text(text, encoding="utf-8")
    assert main([], dataclasses.replace(workshop.inputs(), prose=path), workshop.out) == 1
    assert capsys.readouterr().err.startswith(f"codegen: {said}")
