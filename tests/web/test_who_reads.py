"""A factory that makes the graph of a thread knows who reads or writes its state, whoever ran the last run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live import serving
from tests.web.calls import accepted
from tests.web.guarding import BEARER, GRAPH, bearing, guarded_project, loaded
from tests.web.keeping import superstep, thread_path, update

FACTORY = f"""{GRAPH}
from langgraph_sdk.runtime import ServerRuntime

asked = []

def factory(config, runtime: ServerRuntime):
    configurable = config["configurable"]
    user = runtime.user
    asked.append((runtime.access_context, user and user.identity, configurable["langgraph_auth_user_id"]))
    return graph
"""


@pytest.fixture
def http(tmp_path: Path) -> Iterator[httpx.Client]:
    config = guarded_project(tmp_path, BEARER)
    (tmp_path / "factory.py").write_text(FACTORY)
    config.write_text(config.read_text().replace("./telling.py:graph", "./factory.py:factory"))
    with serving(config) as live, live.client() as client:
        yield client


def test_the_reader_is_the_user_of_a_factory(tmp_path: Path, http: httpx.Client) -> None:
    body = {"assistant_id": "agent", "input": {}, "on_completion": "keep"}
    run = accepted(http.post("/runs", json=body, headers=bearing("ana"))).json()
    accepted(http.get(f"/runs/{run['run_id']}/join", headers=bearing("ana")))
    path, ben = thread_path(run), bearing("ben")
    asked = loaded(tmp_path / "factory.py").asked
    assert ("threads.create_run", "ana", "ana") in asked
    asked.clear()
    checkpoint = accepted(http.get(f"{path}/state", headers=ben)).json()["checkpoint"]
    accepted(http.get(f"{path}/state/{checkpoint['checkpoint_id']}", headers=ben))
    accepted(http.post(f"{path}/state/checkpoint", json={"checkpoint": checkpoint}, headers=ben))
    accepted(http.get(f"{path}/history", headers=ben))
    accepted(http.post(f"{path}/history", json={}, headers=ben))
    assert asked == [("threads.read", "ben", "ben")] * 5


def test_the_writer_is_the_user_of_a_factory(tmp_path: Path, http: httpx.Client) -> None:
    thread = {"metadata": {"graph_id": "agent"}, "supersteps": [superstep(update("tell", {"given": 1}))]}
    accepted(http.post("/threads", json=thread, headers=bearing("ben")))
    assert ("threads.update", "ben", "ben") in loaded(tmp_path / "factory.py").asked


CHANGING = f"""{GRAPH}
from langgraph_sdk.runtime import ServerRuntime

def factory(config, runtime: ServerRuntime):
    name = runtime.user.identity
    config["tags"].append(name)
    config["configurable"]["nested"]["who"] = name
    config["configurable"]["mine"] = name
    config["metadata"]["marks"].append(name)
    return graph
"""


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_what_a_factory_changes_is_its_own(tmp_path: Path, store: str) -> None:
    """Nothing of a reader, nor of the user who runs it, comes into the run."""
    config = guarded_project(tmp_path, BEARER)
    (tmp_path / "factory.py").write_text(CHANGING)
    config.write_text(config.read_text().replace("./telling.py:graph", "./factory.py:factory"))
    uri = "memory://" if store == "memory" else f"sqlite:///{tmp_path}/runs.db"
    given = {"configurable": {"nested": {}, "mine": 1}, "tags": ["a"], "metadata": {"marks": []}}
    body = {"assistant_id": "agent", "input": {}, "on_completion": "keep", "config": given}
    with serving(config, database_uri=uri) as live, live.client() as http:
        run = accepted(http.post("/runs", json=body, headers=bearing("ana"))).json()
        accepted(http.get(f"/runs/{run['run_id']}/join", headers=bearing("ana")))
        accepted(http.get(f"{thread_path(run)}/state", headers=bearing("ben")))
        shown = accepted(http.get(f"{thread_path(run)}/runs/{run['run_id']}", headers=bearing("ana"))).json()
    config_shown = shown["kwargs"]["config"]
    assert (config_shown["tags"], config_shown["metadata"]["marks"]) == (["a"], [])
    assert "ben" not in str(shown)
    assert (config_shown["configurable"]["nested"], config_shown["configurable"]["mine"]) == ({}, 1)
