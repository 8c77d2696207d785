"""The structure of the vendored contract is pinned; its prose is ours and may change."""

from __future__ import annotations

from codegen.document import operations
from codegen.structure import fingerprint, structure
from tests.codegen.editions import contract

STRUCTURE = "e48bee064b8d5a6a86439f4fc6d3aeee2bbb014aa7751f3600309e5612a70468"


def test_the_structure_of_the_contract_is_the_pinned_one() -> None:
    assert fingerprint(contract()) == STRUCTURE


def test_the_contract_is_whole() -> None:
    document = contract()
    counted = (len(document["paths"]), len(list(operations(document))), len(document["components"]["schemas"]))
    assert counted == (50, 64, 58)
    assert len(document["tags"]) == 10


def test_only_prose_is_stripped() -> None:
    node = {
        "description": "prose",
        "properties": {"title": {"type": "string", "title": "prose"}, "description": {"type": "string"}},
        "default": {"description": "data"},
    }
    assert structure(node) == {
        "properties": {"title": {"type": "string"}, "description": {"type": "string"}},
        "default": {"description": "data"},
    }
