"""Assistants: each graph's own one, searched for and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.live import GRAPHS, serving
from tests.web.calls import UNKNOWN

SIMPLE = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"  # recorded for a graph of this name
KEYS = [
    "assistant_id",
    "graph_id",
    "config",
    "context",
    "metadata",
    "name",
    "created_at",
    "updated_at",
    "version",
    "description",
]


def search(http: httpx.Client, **body: Any) -> list[Any]:
    response = http.post("/assistants/search", json=body)
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()
    return found


@pytest.mark.shows("get_assistant", "200")
def test_an_assistant_has_every_key_in_the_recorded_order(http: httpx.Client) -> None:
    assistant = http.get(f"/assistants/{SIMPLE}").json()
    assert list(assistant) == KEYS
    assert assistant["assistant_id"] == SIMPLE
    assert (assistant["graph_id"], assistant["name"], assistant["version"]) == ("simple", "simple", 1)
    assert (assistant["config"], assistant["context"], assistant["description"]) == ({}, {}, None)
    assert assistant["metadata"] == {"created_by": "system"}


@pytest.mark.shows("search_assistants", "200")
def test_a_search_without_conditions_finds_the_newest_first(http: httpx.Client) -> None:
    """Each is younger than the one before it in the file (recorded)."""
    found = search(http, limit=1000)
    assert [assistant["graph_id"] for assistant in found] == list(json.loads(GRAPHS.read_text())["graphs"])[::-1]
    ages = [assistant["created_at"] for assistant in found]
    assert ages == sorted(set(ages), reverse=True)
    assert search(http, limit=10, offset=0) == found[:10]
    assert search(http, limit=1000, sort_order="asc") == found


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server of graphs with names and descriptions."""
    folder = tmp_path_factory.mktemp("described")
    folder.joinpath("described.py").write_text(
        "from langgraph.func import entrypoint\n"
        "from langgraph.graph import START, MessagesState, StateGraph\n"
        "builder = StateGraph(MessagesState).add_node('n', lambda state: {}).add_edge(START, 'n')\n"
        "named, unnamed = builder.compile(name='The Named'), builder.compile()\n"
        "def factory(): return named\n"
        "@entrypoint()\n"
        "def functional(given): return given\n"
    )
    said = {"named": "What it does", "unnamed": "", "factory": None}
    graphs: dict[str, Any] = {
        name: {"path": f"./described.py:{name}", "description": text} for name, text in said.items()
    }
    graphs |= {"Work": "./described.py:functional", "builder": {"path": "described:builder"}}
    config = folder / "langgraph.json"
    config.write_text(json.dumps({"graphs": graphs}))
    with serving(config) as live, live.client() as client:
        yield client


@pytest.mark.shows("search_assistants", "select=description sort_by=name")
def test_an_assistant_has_its_graph_s_name_and_description(described: httpx.Client) -> None:
    found = search(described, sort_by="name", sort_order="asc", select=["graph_id", "name", "description"])
    assert [(each["graph_id"], each["name"], each["description"]) for each in found] == [
        ("builder", "builder", None),
        ("factory", "factory", None),
        ("named", "The Named", "What it does"),
        ("unnamed", "unnamed", ""),
        ("Work", "Work", None),
    ]
    [named] = search(described, name="the named")
    assert described.get(f"/assistants/{named['assistant_id']}").json() == named


def test_runs_find_their_assistant_by_graph_id_and_not_by_name(described: httpx.Client) -> None:
    body = {"assistant_id": "named", "input": {"messages": "hi"}}
    assert described.post("/runs/wait", json=body).status_code == 200
    assert described.post("/runs/wait", json={**body, "assistant_id": "The Named"}).status_code == 422


@pytest.mark.shows("search_assistants", "sort_by=graph_id")
def test_names_are_sorted_whatever_their_case(described: httpx.Client) -> None:
    found = search(described, sort_by="graph_id", sort_order="asc")
    assert [each["graph_id"] for each in found] == ["builder", "factory", "named", "unnamed", "Work"]


@pytest.mark.shows("search_assistants", "graph_id name metadata")
@pytest.mark.parametrize(
    ("body", "graphs"),
    [
        ({"graph_id": "slow"}, ["slow"]),
        ({"name": "NESTED_C"}, ["nested_chat"]),
        ({"metadata": {"created_by": "system"}, "graph_id": "slow"}, ["slow"]),
        ({"metadata": {"created_by": "nobody"}}, []),
    ],
)
def test_conditions_add_up(http: httpx.Client, body: Any, graphs: list[str]) -> None:
    assert [assistant["graph_id"] for assistant in search(http, **body)] == graphs


@pytest.mark.shows("search_assistants", "select")
def test_a_search_can_be_sorted_and_cut_to_keys(http: httpx.Client) -> None:
    names = [view["name"] for view in search(http, limit=1000, sort_by="name", sort_order="asc", select=["name"])]
    assert names == sorted(names, key=str.lower)
    assert search(http, graph_id="slow", select=["name", "version"]) == [{"name": "slow", "version": 1}]


@pytest.mark.shows("search_assistants", "limit offset")
def test_pages_are_announced_in_headers(http: httpx.Client) -> None:
    count = len(search(http, limit=1000))
    first = http.post("/assistants/search", json={"limit": 2, "offset": 1}).headers
    assert (first["x-pagination-total"], first["x-pagination-next"]) == ("4", "3")
    last = http.post("/assistants/search", json={"limit": 1000}).headers
    assert last["x-pagination-total"] == str(count)
    assert "x-pagination-next" not in last
    assert search(http, offset=10**30) == []


@pytest.mark.shows("get_assistant", "assistant_id 200 404 422")
@pytest.mark.parametrize(("path", "status"), [("simple", 422), (SIMPLE.upper(), 200), (UNKNOWN, 404), ("x" * 36, 422)])
def test_an_assistant_is_read_by_its_uuid_only(http: httpx.Client, path: str, status: int) -> None:
    assert http.get(f"/assistants/{path}").status_code == status


@pytest.mark.shows("search_assistants", "404 422")
@pytest.mark.parametrize(
    ("body", "status"),
    [({"graph_id": "bogus"}, 404), ({"limit": 0}, 422), ({"limit": 1001}, 422), ({"sort_by": "age"}, 422), ([], 422)],
)
def test_a_wrong_search_is_refused(http: httpx.Client, body: Any, status: int) -> None:
    response = http.post("/assistants/search", json=body)
    assert response.status_code == status
    assert response.json()["detail"]
