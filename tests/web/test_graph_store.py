"""The store of the graphs: every run has it, by every way in, and what one run keeps the next one finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.storing import SPACE, embedding_loops, own_items
from tests.live import GRAPHS, LiveServer, serving
from tests.web.calls import accepted, create, ended, stream, wait
from tests.web.keeping import kept, thread_path

STORING = GRAPHS.with_name("storing.json")
WAYS = [graph for graph in json.loads(STORING.read_text())["graphs"] if graph not in ("factory", "own")]


@pytest.fixture(scope="module", params=["", "sqlite", "isolated"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose store is in memory, in a file, and called from many event loops."""
    file = tmp_path_factory.mktemp("store") / "runs.db"
    uri = f"sqlite:///{file}" if request.param else "memory://"
    with serving(STORING, database_uri=uri, isolated_loops=request.param == "isolated") as live:
        yield live


@pytest.mark.parametrize("graph", WAYS)
def test_what_a_run_keeps_the_next_one_finds(http: httpx.Client, graph: str) -> None:
    key = str(uuid4())
    assert wait(http, graph, {"key": key, "note": 1})["found"] == [None]
    assert wait(http, graph, {"key": key, "note": [2]})["found"] == [1]
    assert stream(http, graph, {"key": key, "note": 3})[-1][1]["found"] == [[2]]
    run = kept(http, graph, {"key": key, "note": 4})
    assert accepted(http.get(f"{thread_path(run)}/state")).json()["values"]["found"] == [3]
    assert ended(http, create(http, graph, {"key": key, "note": 5})["run_id"])["status"] == "success"
    batch = [{"assistant_id": graph, "input": {"key": f"{key}{n}", "note": n}} for n in range(20)]
    for run in accepted(http.post("/runs/batch", json=batch)).json():
        assert ended(http, run["run_id"])["status"] == "success"
    assert item(http, key)["value"] == {"note": 5}
    assert [item(http, f"{key}{n}")["value"] for n in range(20)] == [{"note": n} for n in range(20)]


def item(http: httpx.Client, key: str) -> Any:
    return accepted(http.get("/store/items", params={"namespace": ".".join(SPACE), "key": key})).json()


def test_a_factory_finds_the_store(http: httpx.Client) -> None:
    before = item(http, "made")
    assert wait(http, "factory", {"key": "a"})["found"] == [before and before["value"]["note"]]
    assert wait(http, "factory", {"key": "a"})["found"] == [item(http, "made")["value"]["note"]] or before is None


def test_a_graph_keeps_its_own_store(http: httpx.Client) -> None:
    key = str(uuid4())
    assert wait(http, "own", {"key": key, "note": 1})["found"] == [None]
    assert wait(http, "own", {"key": key, "note": 2})["found"] == [1]
    assert item(http, key) is None
    found = own_items.get(SPACE, key)
    assert found is not None and found.value == {"note": 2}


def test_items_outlive_the_server(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/runs.db"
    for found in (None, 0, 1):
        with serving(STORING, database_uri=uri) as live, live.client() as http:
            note = 0 if found is None else found + 1
            assert wait(http, "runtime", {"key": "k", "note": note})["found"] == [found]


# A store of the author's own


def configured(folder: Path, store: dict[str, Any]) -> Path:
    """A configuration of the same graphs with another `store`."""
    source = GRAPHS.with_name("storing.py")
    document = {"graphs": {way: f"{source}:{way}" for way in WAYS}, "store": store}
    config = folder / "langgraph.json"
    config.write_text(json.dumps(document))
    return config


@pytest.mark.parametrize("isolated", [False, True])
def test_a_store_of_the_authors_own_that_belongs_to_an_event_loop(tmp_path: Path, isolated: bool) -> None:
    config = configured(tmp_path, {"path": f"{GRAPHS.with_name('storing.py')}:loop_bound"})
    with serving(config, isolated_loops=isolated) as live, live.client() as http:
        for graph in WAYS:
            if graph == "blocking":  # LangGraph's store refuses a call that would block its loop
                continue
            key = str(uuid4())
            assert wait(http, graph, {"key": key, "note": 1})["found"] == [None]
            assert wait(http, graph, {"key": key, "note": 2})["found"] == [1]
            assert item(http, key)["value"] == {"note": 2}


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("name", ["opened", "entered", "awaited_store", "instance"])
def test_a_store_of_the_authors_own(tmp_path: Path, name: str, isolated: bool) -> None:
    config = configured(tmp_path, {"path": f"{GRAPHS.with_name('storing.py')}:{name}"})
    with serving(config, isolated_loops=isolated) as live, live.client() as http:
        for graph in WAYS:
            key = str(uuid4())
            assert wait(http, graph, {"key": key, "note": 1})["found"] == [None]
            assert wait(http, graph, {"key": key, "note": 2})["found"] == [1]
            assert item(http, key)["value"] == {"note": 2}
        refused = http.put("/store/items", json={"namespace": ["a"], "key": "k", "value": {}, "ttl": 5})
        assert (refused.status_code, refused.json()["detail"]) == (
            422,
            "ttl: the items of this store have no lifetimes",
        )
    assert not list(tmp_path.glob("**/items.db"))


@pytest.mark.parametrize("isolated", [False, True])
def test_methods_that_a_store_of_the_authors_own_overrides_are_called(tmp_path: Path, isolated: bool) -> None:
    config = configured(tmp_path, {"path": f"{GRAPHS.with_name('storing.py')}:Overridden"})
    with serving(config, isolated_loops=isolated) as live, live.client() as http:
        for graph in WAYS:
            key = str(uuid4())
            assert wait(http, graph, {"key": key, "note": 1})["found"] == [None]
            assert wait(http, graph, {"key": key, "note": 2})["found"] == ["marked 1"]
            assert item(http, key)["value"] == {"note": "marked 2"}


def test_an_async_function_embeds_on_one_loop_whoever_asks(tmp_path: Path) -> None:
    """Nodes of isolated runs, plain and async, and clients."""
    index = {"embed": f"{GRAPHS.with_name('storing.py')}:aembed", "dims": 3}
    config = configured(tmp_path, {"index": index})
    with serving(config, isolated_loops=True) as live, live.client() as http:
        embedding_loops.clear()
        for graph in WAYS:
            key = str(uuid4())
            assert wait(http, graph, {"key": key, "note": "the sea"})["found"] == [None]
            assert wait(http, graph, {"key": key, "note": "a hill"})["found"] == ["the sea"]
        body = {"namespace_prefix": ["kept"], "query": "hill", "limit": 1}
        (found,) = http.post("/store/items/search", json=body).json()["items"]
        assert found["value"] == {"note": "a hill"}
        assert len(embedding_loops) == 1
