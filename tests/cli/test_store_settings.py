"""The section `store` of `langgraph.json`: what is wrong with it is one line at the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import check_refusal, invoke, serve, treadle
from tests.cli.projects import project
from tests.live import DEADLINE, GRAPHS

STORING = GRAPHS.with_name("storing.py")
INDEX = {"embed": "./words.py:embed", "dims": 2}
WORDS = """
import os
from contextlib import asynccontextmanager
number = 5
def raising(): raise ConnectionError("no database")
async def nothing(): return None
@asynccontextmanager
async def entering():
    raise OSError("the door is locked")
    yield
def leaving(): raise SystemExit("no")
async def giving_up():
    import asyncio
    raise asyncio.CancelledError
def embed(texts): return [[1.0, 2.0] for text in texts]
def wrongly(texts): return [[1.0] for text in texts]
def failing(texts): raise KeyError(texts[0])
async def late(texts): return embed(texts)
class Late:
    async def __call__(self, texts): return embed(texts)
late_object = Late()
"""
BROKEN = "import os\nraise RuntimeError('no key')\n"
KEEPING = """
from base import State
from langgraph.config import get_store
from langgraph.graph import START, StateGraph

def keep(state):
    get_store().put(("a",), "k", {"text": "sea"})
    return {"said": [item.key for item in get_store().search((), query="sea")]}

async def akeep(state):
    get_store().put(("a",), "k", {"text": "sea"})  # though an event loop runs
    return {"said": [item.key for item in await get_store().asearch((), query="sea")]}

graph = StateGraph(State).add_node("keep", keep).add_edge(START, "keep").compile()
agraph = StateGraph(State).add_node("keep", akeep).add_edge(START, "keep").compile()
"""


def with_store(folder: Path, store: Any, **files: str) -> Path:
    graphs = {"graph": "./graph.py:graph"}
    return project(folder, {"graphs": graphs, "store": store}, words=WORDS, broken=BROKEN, **files)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (5, '"store" must be an object'),
        ({"index": 5}, "store.index must be an object"),
        ({"index": {"dims": 2}}, "store.index.embed must be"),
        ({"index": {**INDEX, "embed": "words"}}, "store.index.embed must be"),
        ({"index": {**INDEX, "dims": "2"}}, "store.index.dims must be"),
        ({"index": {**INDEX, "dims": 0}}, "store.index.dims must be"),
        ({"index": {**INDEX, "fields": "text"}}, "store.index.fields must be"),
        ({"index": {**INDEX, "embed": "./words.py:none"}}, "store.index.embed (./words.py:none): AttributeError"),
        ({"index": {**INDEX, "embed": "./gone.py:embed"}}, "store.index.embed (./gone.py:embed): FileNotFoundError"),
        ({"index": {**INDEX, "embed": "./words.py:number"}}, "a int embeds nothing"),
        ({"index": {**INDEX, "embed": "./broken.py:embed"}}, "RuntimeError: no key"),
        ({"index": {**INDEX, "embed": "nobody:model"}}, "store.index.embed (nobody:model)"),
        ({"ttl": 5}, "store.ttl must be an object"),
        ({"ttl": {"default_ttl": 0}}, "store.ttl.default_ttl must be"),
        ({"ttl": {"default_ttl": True}}, "store.ttl.default_ttl must be"),
        ({"ttl": {"sweep_interval_minutes": -1}}, "store.ttl.sweep_interval_minutes must be"),
        ({"ttl": {"refresh_on_read": 1}}, "store.ttl.refresh_on_read must be"),
        ({"path": 5}, "store.path must be"),
        ({"path": "./words.py"}, "store.path must be"),
        ({"path": "./words.py:none"}, "store.path (./words.py:none): AttributeError"),
        ({"path": "./words.py:embed", "index": INDEX}, "has its own index and ttl"),
    ],
    ids=str,
)
def test_a_section_that_cannot_be_used_is_refused(tmp_path: Path, store: Any, said: str) -> None:
    config = with_store(tmp_path, store)
    done = invoke("run", "graph", "--config", config, "--input", "-", given="{}")
    check_refusal(done, "langgraph.json", said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("number", "TypeError: expected a BaseStore of LangGraph, and not a int"),
        ("leaving", "SystemExit"),
        ("giving_up", "CancelledError"),
        ("raising", "ConnectionError: no database"),
        ("entering", "OSError: the door is locked"),
        ("nothing", "TypeError: expected a BaseStore of LangGraph, and not a NoneType"),
        ("embed", "TypeError"),
        ("late_object", "TypeError"),
    ],
)
def test_a_path_that_gives_no_store_is_named_at_the_start(tmp_path: Path, name: str, said: str) -> None:
    config = with_store(tmp_path, {"path": f"./words.py:{name}"})
    done = invoke("run", "graph", "--config", config, "--input", "-", given="{}")
    check_refusal(done, f"{config}: store.path (./words.py:{name}): ", said)


@pytest.mark.parametrize("flags", [(), ("--workers", "2"), ("--role", "api")], ids=lambda flags: " ".join(flags))
def test_a_server_does_not_start_without_its_store(tmp_path: Path, flags: tuple[str, ...]) -> None:
    config = with_store(tmp_path, {"path": "./words.py:raising"})
    check_refusal(treadle("serve", config, "--port", "0", *flags), "store.path (./words.py:raising): ConnectionError")


@pytest.mark.parametrize("graph", ["graph", "agraph"])
@pytest.mark.parametrize("embed", ["embed", "late", "late_object"])
def test_an_embedding_of_any_kind(tmp_path: Path, graph: str, embed: str) -> None:
    store = {"index": {**INDEX, "embed": f"./words.py:{embed}"}}
    graphs = {name: f"./graph.py:{name}" for name in ("graph", "agraph")}
    config = project(tmp_path, {"graphs": graphs, "store": store}, words=WORDS, graph=KEEPING)
    done = treadle("run", graph, "--config", config, "--input", "-", given="{}")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"said": ["k"]}


@pytest.mark.parametrize(
    ("embed", "said"),
    [("wrongly", "a vector of 1 numbers, where store.index.dims says 2"), ("failing", "KeyError")],
)
def test_an_embedding_that_fails_is_named(tmp_path: Path, embed: str, said: str) -> None:
    store = {"index": {**INDEX, "embed": f"./words.py:{embed}"}}
    with serve("--port", "0", config=with_store(tmp_path, store)) as server:
        body = {"namespace": ["a"], "key": "k", "value": {"text": "sea"}}
        answer = httpx.put(f"{server.url}/store/items", json=body, timeout=DEADLINE)
        assert answer.status_code == 500
        assert said in answer.json()["detail"]
        found = httpx.post(f"{server.url}/store/items/search", json={}, timeout=DEADLINE)
        assert found.json() == {"items": []}
