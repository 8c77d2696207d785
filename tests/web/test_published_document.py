"""What a server publishes of the contract is true of this server: its graphs, its address, its need for keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema_rs import validator_for

from tests.live import EXAMPLES, GRAPHS, serving
from treadle_api.operations import ALL

pytestmark = pytest.mark.edge

CREATES = ("/runs", "/runs/wait", "/runs/stream", "/runs/batch")
Json = dict[str, Any]


def document_of(http: httpx.Client) -> Json:
    document: Json = http.get("/openapi.json").json()
    return document


def named(document: Json) -> Iterator[tuple[str, list[str]]]:
    """The places that list graphs, and what they list."""
    schemas = document["components"]["schemas"]
    yield "run", schemas["RunCreateStateless"]["properties"]["assistant_id"]["anyOf"][1]["enum"]
    for name in ("AssistantCreate", "AssistantPatch"):
        yield name, schemas[name]["properties"]["graph_id"]["enum"]
    yield "thread", schemas["ThreadCreate"]["then"]["properties"]["metadata"]["properties"]["graph_id"]["enum"]
    [parameter] = [
        each
        for each in document["paths"]["/assistants/{assistant_id}/graph"]["get"]["parameters"]
        if each["name"] == "assistant_id"
    ]
    yield "graph", parameter["schema"]["anyOf"][1]["enum"]


def examples(document: Json) -> list[Json]:
    """The runs in the examples of requests."""
    found = []
    for path in CREATES:
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert content.get("examples") != {}, "OpenAPI has an empty map for nothing"
        for example in content.get("examples", {}).values():
            value = example["value"]
            found += value if isinstance(value, list) else [value]
    return found


def test_the_document_lists_the_graphs_of_the_server(http: httpx.Client) -> None:
    graphs = list(json.loads(GRAPHS.read_text())["graphs"])
    document = document_of(http)
    assert all(names == graphs for _, names in named(document))
    assert not {"x-graph-name", "x-published"} & set(re.findall(r"x-[a-z-]+", json.dumps(document)))


def test_examples_name_graphs_of_the_server(http: httpx.Client) -> None:
    assert examples(document_of(http)) == []
    with serving(EXAMPLES) as live, live.client() as of_examples:
        document = document_of(of_examples)
    sent = examples(document)
    assert len(sent) > len(CREATES)
    assert {run["assistant_id"] for run in sent} == set(dict(named(document))["run"]) == {"triage", "agent"}


def test_one_graph_keeps_its_own_examples(tmp_path: Path) -> None:
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"graphs": {"agent": f"{EXAMPLES.parent}/agent/graph.py:graph"}}))
    with serving(config) as live, live.client() as http:
        document = document_of(http)
    assert {run["assistant_id"] for run in examples(document)} == {"agent"}
    assert dict(named(document))["graph"] == ["agent"]


@pytest.mark.parametrize(("root", "url"), [(None, "/"), ("/agents", "/agents")])
def test_the_document_says_where_its_paths_begin(root: str | None, url: str) -> None:
    with serving(root_path=root) as live, httpx.Client(base_url=f"{live.url}{root or ''}") as http:
        assert document_of(http)["servers"] == [{"url": url}]


def test_a_thread_without_states_needs_no_graph(http: httpx.Client) -> None:
    schema = document_of(http)["components"]["schemas"]["ThreadCreate"]
    sent: list[Json] = [{}, {"supersteps": []}, {"supersteps": [{"updates": [{"as_node": "x", "values": 1}]}]}]
    answers = [http.post("/threads", json=body).status_code for body in sent]
    valid = [validator_for({key: schema[key] for key in ("if", "then")}).is_valid(body) for body in sent]
    assert (answers, valid) == ([200, 200, 422], [True, True, False])


def test_a_comma_begins_another_key(http: httpx.Client) -> None:
    parameters = document_of(http)["paths"]["/threads/{thread_id}/state"]["get"]["parameters"]
    [select] = [each["schema"]["items"] for each in parameters if each["name"] == "select"]
    patterns = {key: validator_for(select).is_valid(key) for key in ("values.a", "values.a,b", "next", "nobody")}
    assert patterns == {"values.a": True, "values.a,b": False, "next": True, "nobody": False}


def test_every_operation_is_published_under_its_own_path(http: httpx.Client) -> None:
    paths = document_of(http)["paths"]
    assert {(each.path, each.method.lower()) for each in ALL} == {
        (path, method) for path, item in paths.items() for method in item
    }
