"""Runs start from their assistant's config, context and metadata; their own values win."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.live import STORE, LiveServer, serving
from tests.web.assistants import (
    INSPECTED,
    assistant,
    assistant_path,
    default_of,
    new_assistant,
    patched,
    refusal,
)
from tests.web.calls import UNKNOWN, Json, accepted, create, detail, ended, wait
from tests.web.creating import PATHS, Creator
from tests.web.keeping import kept, thread

shows = pytest.mark.shows
CREATORS = pytest.mark.parametrize("operation", PATHS)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of its own, for what is created here stays."""
    with serving(INSPECTED) as live:
        yield live


def said(http: httpx.Client, of: Json | str, **fields: Any) -> Json:
    """What a run says of its config, context and metadata."""
    name = of if isinstance(of, str) else of["assistant_id"]
    told: Json = wait(http, name, {}, **fields)["said"]
    return told


def own(told: Json) -> Json:
    """The keys of `configurable` that are not the server's."""
    server = {"run_id", "thread_id", "graph_id", "assistant_id", "user_id"}
    return {
        key: value
        for key, value in told["configurable"].items()
        if key not in server and not key.startswith(("__", "langgraph_auth"))
    }


@CREATORS
@shows("create_run wait_run stream_run create_run_batch", "assistant_id")
def test_every_run_starts_from_its_assistant(http: httpx.Client, operation: str) -> None:
    made = new_assistant(http, "told", context={"a": 1}, config={"tags": ["t"]}, metadata={"m": 1})
    run = Creator(http, operation).ended(made["assistant_id"], {}, on_completion="keep", metadata={"mine": 2})
    told = run["values"]["said"]
    assert (own(told), told["context"], told["tags"]) == ({"a": 1}, {"a": 1}, ["t"])
    assert told["configurable"]["assistant_id"] == made["assistant_id"]
    assert {"m": 1, "mine": 2, "assistant_id": made["assistant_id"], "graph_id": "told"}.items() <= told[
        "metadata"
    ].items()
    assert run["assistant_id"] == made["assistant_id"]
    assert run["metadata"] == {"m": 1, "mine": 2, "assistant_id": made["assistant_id"]}


@pytest.mark.parametrize(
    ("has", "given", "context"),
    [
        ({}, {"context": {"a": 1}}, {"a": 1}),
        ({"context": {"a": 1}}, {}, {"a": 1}),
        ({"context": {"a": 1, "b": 1}}, {"context": {"b": 2, "c": 2}}, {"a": 1, "b": 2, "c": 2}),
        ({"context": {"a": 1, "b": 1}}, {"config": {"configurable": {"b": 2}}}, {"a": 1, "b": 2}),
        ({"config": {"configurable": {"a": 1}}}, {"config": {"configurable": {"a": None}}}, {"a": None}),
        ({"context": {"a": {"x": 1}}}, {"context": {"a": {"y": 2}}}, {"a": {"y": 2}}),
        ({"context": {"a": 1}}, {"context": {}, "config": {"configurable": {}}}, {"a": 1}),
        ({"context": {"user_id": "ana"}}, {}, {"user_id": "ana"}),
    ],
)
def test_a_run_wins_key_by_key(http: httpx.Client, has: Json, given: Json, context: Json) -> None:
    told = said(http, new_assistant(http, "told", **has), **given)
    assert told["context"] == context
    assert {key: told["configurable"][key] for key in context} == context


@pytest.mark.parametrize(
    ("given", "tags"),
    [({}, ["a", "b"]), ({"tags": ["c"]}, ["c"]), ({"tags": []}, None), ({"recursion_limit": 9}, ["a", "b"])],
)
def test_tags_are_replaced(http: httpx.Client, given: Json, tags: Any) -> None:
    made = new_assistant(http, "told", config={"tags": ["a", "b"]})
    assert (said(http, made, config=given)["tags"] or None) == tags


def test_the_limit_of_steps_is_inherited(http: httpx.Client) -> None:
    made = new_assistant(http, "family", config={"recursion_limit": 1})
    run = ended(http, create(http, made["assistant_id"], {}, on_completion="keep")["run_id"])
    assert (run["status"], run["error"]["error"]) == ("error", "GraphRecursionError")
    assert "said" in wait(http, made["assistant_id"], {}, config={"recursion_limit": 9})


def test_metadata_is_merged_with_the_run_s(http: httpx.Client) -> None:
    """In this order: the assistant's, that of its config, that of the run's config, and the run's."""
    made = new_assistant(
        http,
        "told",
        metadata={"a": 1, "b": 1, "c": 1, "d": 1, "thread_id": "none"},
        config={"metadata": {"b": 2, "c": 2, "d": 2}},
    )
    given = {"config": {"metadata": {"c": 3, "d": 3}}, "metadata": {"d": 4, "assistant_id": "none"}}
    run = create(http, made["assistant_id"], {}, **given)
    assert run["metadata"] == {"a": 1, "b": 2, "c": 3, "d": 4, "assistant_id": made["assistant_id"]}
    assert run["metadata"].items() <= said(http, made, **given)["metadata"].items()


def test_only_the_assistants_of_graphs_are_of_the_system(http: httpx.Client) -> None:
    made = new_assistant(http, "told")
    assert "created_by" not in said(http, made)["metadata"]
    assert said(http, "told")["metadata"]["created_by"] == "system"
    run = kept(http, made["assistant_id"], {})
    assert run["metadata"] == {"assistant_id": made["assistant_id"]}


def test_a_kept_thread_has_the_metadata_of_its_run(http: httpx.Client) -> None:
    made = new_assistant(http, "told", metadata={"m": 1}, context={"a": 1})
    run = kept(http, made["assistant_id"], {}, metadata={"mine": 2})
    assert thread(http, run)["metadata"] == {
        "graph_id": "told",
        "assistant_id": made["assistant_id"],
        "m": 1,
        "mine": 2,
    }


def test_a_batch_may_have_runs_of_several_assistants(http: httpx.Client) -> None:
    made = [new_assistant(http, "told", context={"n": number}) for number in range(3)]
    bodies = [{"assistant_id": each["assistant_id"], "input": {}, "on_completion": "keep"} for each in made]
    runs = accepted(http.post("/runs/batch", json=bodies)).json()
    assert [ended(http, run["run_id"])["values"]["said"]["context"] for run in runs] == [{"n": n} for n in range(3)]
    refused = http.post("/runs/batch", json=[*bodies, {**bodies[0], "assistant_id": UNKNOWN}])
    assert UNKNOWN in refusal(refused, 404)


def test_the_input_and_the_context_are_not_mixed_up_with_the_assistant_s(http: httpx.Client) -> None:
    """What a run is given changes nothing of its assistant."""
    made = new_assistant(http, "told", context={"a": {"b": [1]}}, metadata={"m": {}})
    said(http, made, context={"c": 1}, metadata={"m": {"n": 1}}, config={"tags": ["t"]})
    assert assistant(http, made) == made
    assert said(http, made)["context"] == {"a": {"b": [1]}}


def test_a_run_has_the_version_that_was_current_when_it_was_created(http: httpx.Client) -> None:
    made = new_assistant(http, "told", context={"n": 1})
    early = create(http, made["assistant_id"], {}, after_seconds=0.5, on_completion="keep")
    patched(http, made, context={"n": 2})
    assert said(http, made)["context"] == {"n": 2}
    accepted(http.post(f"{assistant_path(made)}/latest", json={"version": 1}))
    assert said(http, made)["context"] == {"n": 1}
    assert http.delete(assistant_path(made)).status_code == 204
    assert ended(http, early["run_id"])["values"]["said"]["context"] == {"n": 1}


def test_the_changed_assistant_of_a_graph_changes_runs_that_name_the_graph() -> None:
    with serving(INSPECTED) as live, live.client() as http:
        first = default_of(http, "told")
        patched(http, first, context={"a": 1}, metadata={"m": 1}, config={"tags": ["t"]})
        for name in ("told", first["assistant_id"]):
            told = said(http, name)
            assert (told["context"], told["tags"], told["metadata"]["m"]) == ({"a": 1}, ["t"], 1)
            assert told["metadata"]["created_by"] == "system"
        patched(http, first, graph_id="factory", context={"label": "new"})
        assert said(http, "told")["label"] == "new"
        accepted(http.post(f"{assistant_path(first)}/latest", json={"version": 1}))
        assert said(http, "told")["context"] in (None, {})


@CREATORS
@shows("create_run wait_run stream_run create_run_batch", "404")
def test_a_deleted_assistant_has_no_runs(http: httpx.Client, operation: str) -> None:
    made = new_assistant(http, "told")
    assert http.delete(assistant_path(made)).status_code == 204
    assert made["assistant_id"] in refusal(Creator(http, operation).post(made["assistant_id"], {}), 404)


def test_an_assistant_is_named_by_its_uuid_in_any_spelling_and_not_by_its_name(http: httpx.Client) -> None:
    made = new_assistant(http, "told", name="My assistant", context={"a": 1})
    for spelled in (made["assistant_id"].upper(), made["assistant_id"].replace("-", "")):
        assert said(http, spelled)["context"] == {"a": 1}
    body = {"assistant_id": "My assistant", "input": {}}
    assert "My assistant" in refusal(http.post("/runs/wait", json=body), 422)


RESERVED = ("langgraph_auth_user", "langgraph_auth_user_id", "langgraph_auth_permissions", "langgraph_request_id")


def test_keys_that_only_the_server_writes_do_not_reach_the_graph(http: httpx.Client) -> None:
    """Nor do they come back when only the config has them, and the context has not."""
    forged = {**dict.fromkeys(RESERVED, "forged"), "__otel_x": "forged", "__after_seconds__": 5, "fine": 1}
    ids = dict.fromkeys(("run_id", "thread_id", "graph_id", "assistant_id"), str(uuid4()))
    for given in ({"context": {**forged, **ids}}, {"config": {"configurable": {**forged, **ids}}}):
        made = new_assistant(http, "told", **given)
        told = said(http, made)
        assert "forged" not in json.dumps(told)
        assert told["configurable"]["fine"] == 1
        assert told["configurable"]["assistant_id"] == made["assistant_id"]
        assert told["configurable"]["__after_seconds__"] == 0
        assert not set(ids.values()) & {told["configurable"][key] for key in ids}
        assert told["context"]["fine"] == 1


def test_a_run_can_be_traced_to_no_callbacks(http: httpx.Client) -> None:
    """Where LangChain expects Python objects, a config's JSON must not go."""
    made = new_assistant(http, "told", config={"callbacks": ["x"], "run_id": "x", "max_concurrency": 2})
    assert said(http, made)["metadata"]["assistant_id"] == made["assistant_id"]


@pytest.mark.skipif(STORE != "sqlite", reason="memory does not outlive its server")
def test_an_assistant_whose_graph_is_no_longer_configured(tmp_path: Path) -> None:
    """It is still there, to be read, changed and deleted; but runs cannot start, and the graph cannot be drawn."""
    uri, config = f"sqlite:///{tmp_path}/runs.db", tmp_path / "langgraph.json"
    with serving(INSPECTED, database_uri=uri) as live, live.client() as http:
        made, gone = new_assistant(http, "told", name="Left"), patched(http, default_of(http, "told"), name="Own")
    config.write_text(json.dumps({"graphs": {"parted": f"{INSPECTED.parent}/inspected.py:parted"}}))
    with serving(config, database_uri=uri) as live, live.client() as http:
        for each in (made, gone):
            assert assistant(http, each) == each
            for operation in PATHS:
                refused = refusal(Creator(http, operation).post(each["assistant_id"], {}), 422)
                assert "'told'" in refused and "assistant_id: " in refused and "parted" in refused
            assert "'told'" in refusal(http.get(f"{assistant_path(each)}/graph"), 422)
        assert "'told'" in refusal(http.post("/runs/wait", json={"assistant_id": "told"}), 422)
        assert patched(http, made, graph_id="parted")["graph_id"] == "parted"
        answer = wait(http, made["assistant_id"], {"question": "?"})
        assert answer is not None
        assert http.delete(assistant_path(gone)).status_code == 204
        run = create(http, made["assistant_id"], {"question": "?"})
        assert detail(http, run["run_id"])["assistant_id"] == made["assistant_id"]
