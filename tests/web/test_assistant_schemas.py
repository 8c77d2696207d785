"""JSON Schemas of the data of an assistant's graph and of its subgraphs, whatever its author's types are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.live import LiveServer, serving
from tests.web.assistants import INSPECTED, assistant_path, default_of, new_assistant, refusal
from tests.web.calls import UNKNOWN, Json, accepted

shows = pytest.mark.shows


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of its own, for what is created here stays."""
    with serving(INSPECTED) as live:
        yield live


def schemas(http: httpx.Client, graph: str, **fields: Any) -> Json:
    """What `GET .../schemas` answers with for an assistant of the graph."""
    path = assistant_path(new_assistant(http, graph, **fields) if fields else default_of(http, graph))
    found: Json = accepted(http.get(f"{path}/schemas")).json()
    return found


def subgraphs(http: httpx.Client, graph: str, namespace: str = "", **query: Any) -> Json:
    """What `GET .../subgraphs` answers with, or that of a namespace."""
    path = f"{assistant_path(default_of(http, graph))}/subgraphs"
    found: Json = accepted(http.get(f"{path}/{namespace}" if namespace else path, params=query)).json()
    return found


# Schemas


@shows("get_assistant_schemas", "assistant_id 200")
def test_input_output_and_state_have_schemas_of_their_own(http: httpx.Client) -> None:
    found = schemas(http, "parted")
    assert list(found) == [
        "graph_id",
        "input_schema",
        "output_schema",
        "state_schema",
        "config_schema",
        "context_schema",
    ]
    parts = [set(found[f"{name}_schema"]["properties"]) for name in ("input", "output", "state")]
    assert parts == [{"question"}, {"answer"}, {"question", "answer", "secret"}]
    assert found["input_schema"] == {
        "title": "Question",
        "description": "What clients send.",
        "type": "object",
        "properties": {"question": {"title": "Question", "type": "string"}},
        "required": ["question"],
    }
    assert (found["graph_id"], found["config_schema"], found["context_schema"]) == ("parted", {}, None)
    assert schemas(http, "parted", context={"a": 1}) == found


def valid(schema: Any, value: Any) -> bool:
    """Whether a value fits a schema, which has to be one."""
    return jsonschema_rs.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"count": 1}, True),
        ({}, False),
        ({"count": "1"}, False),
        ({"count": 1, "leaves": [{"name": "a"}, {"name": "b", "colour": "red"}]}, True),
        ({"count": 1, "leaves": [{"name": "a", "colour": "green"}]}, False),
        ({"count": 1, "leaves": [{"colour": "red"}]}, False),
        ({"count": 1, "by_name": {"a": {"name": "a"}, "b": None}}, True),
        ({"count": 1, "by_name": {"a": 1}}, False),
        ({"count": 1, "fixed": 1}, False),
        ({"count": 1, "below": {"count": 2, "below": {"count": 3}}}, True),
        ({"count": 1, "below": {"count": 2, "below": {}}}, False),
        ({"count": 1, "messages": [{"type": "human", "content": "hi"}]}, True),
        ({"count": 1, "messages": [{"type": "human"}]}, False),
    ],
)
def test_a_typed_dict_of_the_standard_library_has_a_schema(http: httpx.Client, value: Json, fits: bool) -> None:
    """On every Python, with what is required, with others inside, and with itself inside."""
    found = schemas(http, "typed")
    for name in ("input", "output", "state"):
        assert valid(found[f"{name}_schema"], value) == fits
    assert found["context_schema"] == found["config_schema"]
    assert found["context_schema"]["properties"] == {"town": {"title": "Town", "type": "string"}}


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({}, True),
        ({"count": 0, "next": {"count": 1, "next": None}, "when": "2026-01-01T00:00:00Z"}, True),
        ({"count": -1}, False),
        ({"next": {"count": -1}}, False),
    ],
)
def test_a_model_has_a_schema(http: httpx.Client, value: Json, fits: bool) -> None:
    found = schemas(http, "modelled")
    assert valid(found["state_schema"], value) == fits
    assert found["state_schema"]["$defs"]["Model"]["properties"]["count"]["description"] == "How many"
    assert found["context_schema"]["properties"]["most"]["default"] == "5"


def test_a_dataclass_has_a_schema(http: httpx.Client) -> None:
    found = schemas(http, "classed")
    assert found["state_schema"]["required"] == ["count"]
    assert found["state_schema"]["properties"]["names"]["items"] == {"type": "string"}
    assert found["context_schema"]["properties"] == {"name": {"default": "nobody", "title": "Name", "type": "string"}}


def test_what_json_does_not_have_may_be_anything(http: httpx.Client) -> None:
    found = schemas(http, "odd")["state_schema"]["properties"]
    for name in ("call", "opaque", "kind"):
        assert found[name] == {"title": name.title()}
    assert found["opaques"] == {"items": {}, "title": "Opaques", "type": "array"}
    assert found["plain"]["type"] == "string"


def test_a_type_that_cannot_be_read_has_no_schema(http: httpx.Client) -> None:
    found = schemas(http, "lost")
    assert {found[f"{name}_schema"] for name in ("input", "output", "state")} == {None}


def test_a_functional_graph_has_what_it_takes_and_returns(http: httpx.Client) -> None:
    found = schemas(http, "functional")
    assert found["input_schema"] == {"additionalProperties": {"type": "integer"}, "type": "object"}
    assert found["output_schema"] == found["state_schema"] == {"items": {"type": "string"}, "type": "array"}
    assert set(found["context_schema"]["properties"]) == {"name"}


@shows("get_assistant_schemas", "404 422")
def test_schemas_are_read_by_the_uuid_of_an_assistant(http: httpx.Client) -> None:
    for part in ("schemas", "subgraphs", "subgraphs/left"):
        assert UNKNOWN in refusal(http.get(f"/assistants/{UNKNOWN}/{part}"), 404)
        refusal(http.get(f"/assistants/family/{part}"), 422)


# Subgraphs


@shows("list_assistant_subgraphs", "assistant_id recurse 200")
def test_subgraphs_have_schemas_by_their_names(http: httpx.Client) -> None:
    found = subgraphs(http, "family", recurse="true")
    assert sorted(found) == ["left", "left|inner", "right"]
    assert "graph_id" not in found["left"]
    assert valid(found["left"]["state_schema"], {"count": 1}) and not valid(found["left"]["state_schema"], {})
    assert set(found["left|inner"]["state_schema"]["properties"]) == {"said"}
    for query in ({}, {"recurse": "false"}):
        assert subgraphs(http, "family", **query) == {name: found[name] for name in ("left", "right")}
    assert subgraphs(http, "told") == subgraphs(http, "functional", recurse="true") == {}


@shows("get_assistant_subgraph", "assistant_id namespace recurse 200")
@pytest.mark.parametrize(
    ("namespace", "recurse", "names"),
    [
        ("left", None, ["left"]),
        ("left", "false", ["left"]),
        ("left|inner", "true", ["left|inner"]),
        ("right", "true", ["right"]),
    ],
)
def test_a_subgraph_is_read_by_its_name(
    http: httpx.Client, namespace: str, recurse: str | None, names: list[str]
) -> None:
    everything = subgraphs(http, "family", recurse="true")
    query = {} if recurse is None else {"recurse": recurse}
    assert subgraphs(http, "family", namespace, **query) == {name: everything[name] for name in names}


@shows("get_assistant_subgraph", "404")
@pytest.mark.parametrize("namespace", ["nowhere", "left|nowhere", "lef", "tell", "LEFT"])
@pytest.mark.parametrize("recurse", ["true", "false"])
def test_an_unknown_namespace(http: httpx.Client, namespace: str, recurse: str) -> None:
    path = f"{assistant_path(default_of(http, 'family'))}/subgraphs/{namespace}"
    assert f"'{namespace}'" in refusal(http.get(path, params={"recurse": recurse}), 404)
