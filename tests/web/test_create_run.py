"""`POST /runs`: the Run it answers with, and when the run starts."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.web.calls import accepted, create, run_id_of

SIMPLE = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"
"""The assistant of graph `simple`, as the official server derives it."""


def configurable_of(run: Any) -> Any:
    return run["kwargs"]["config"]["configurable"]


@pytest.mark.shows("create_run", "input 200")
def test_a_run_has_every_key_in_the_recorded_order(http: httpx.Client) -> None:
    """Byte for byte: key order, defaults and compact encoding."""
    response = accepted(http.post("/runs", json={"assistant_id": "simple", "input": {"foo": "x"}}))
    run = response.json()
    metadata = {"created_by": "system", "assistant_id": SIMPLE}
    expected = {
        "run_id": run["run_id"],
        "thread_id": run["thread_id"],
        "assistant_id": SIMPLE,
        "metadata": metadata,
        "status": "pending",
        "kwargs": {
            "input": {"foo": "x"},
            "command": None,
            "config": {
                "configurable": {
                    "langgraph_auth_user": None,
                    "langgraph_auth_user_id": "",
                    "langgraph_auth_permissions": [],
                    "langgraph_request_id": configurable_of(run)["langgraph_request_id"],
                    "__request_start_time_ms__": configurable_of(run)["__request_start_time_ms__"],
                    "__after_seconds__": 0,
                    "run_id": run["run_id"],
                    "thread_id": run["thread_id"],
                    "graph_id": "simple",
                    "assistant_id": SIMPLE,
                    "user_id": "",
                },
                "metadata": metadata,
            },
            "context": {},
            "stream_mode": ["values"],
            "interrupt_before": None,
            "interrupt_after": None,
            "webhook": None,
            "feedback_keys": None,
            "temporary": True,
            "subgraphs": False,
            "resumable": False,
            "checkpoint_during": True,
            "durability": "async",
        },
        "multitask_strategy": "enqueue",
        "created_at": run["created_at"],
        "updated_at": run["updated_at"],
        "langsmith_session_name": None,
    }
    assert response.text == json.dumps(expected, separators=(",", ":"))


def test_ids_and_times_have_the_recorded_forms(http: httpx.Client) -> None:
    run = create(http, "simple")
    assert UUID(run["run_id"]).version == UUID(run["thread_id"]).version == 7
    assert UUID(configurable_of(run)["langgraph_request_id"]).version == 4
    assert isinstance(configurable_of(run)["__request_start_time_ms__"], int)
    for when in (run["created_at"], run["updated_at"]):
        assert datetime.fromisoformat(when).isoformat(timespec="microseconds") == when
        assert when.endswith("+00:00")


def test_headers_name_the_run_and_nothing_else(http: httpx.Client) -> None:
    response = http.post("/runs", json={"assistant_id": "simple"})
    assert response.headers["content-location"] == f"/runs/{response.json()['run_id']}"
    assert response.headers["content-type"] == "application/json"
    assert int(response.headers["content-length"]) == len(response.content)
    assert not {"location", "treadle-ignored", "transfer-encoding"} & set(response.headers)


@pytest.mark.shows("create_run", "assistant_id")
@pytest.mark.parametrize(
    "spelling",
    ["simple", SIMPLE, SIMPLE.upper(), SIMPLE.replace("-", ""), f"{{{SIMPLE}}}"],
    ids=["graph id", "uuid", "upper case", "no dashes", "braces"],
)
def test_an_assistant_is_found_in_every_spelling(http: httpx.Client, spelling: str) -> None:
    run = create(http, spelling)
    assert run["assistant_id"] == SIMPLE
    assert configurable_of(run)["graph_id"] == "simple"


@pytest.mark.parametrize(
    ("fields", "kwargs"),
    [
        ({"stream_mode": "updates"}, {"stream_mode": ["updates"]}),
        ({"stream_mode": []}, {"stream_mode": ["values"]}),
        ({"stream_mode": ["custom", "custom", "values"]}, {"stream_mode": ["custom", "custom", "values"]}),
        ({"on_completion": "keep"}, {"temporary": False}),
        ({"on_completion": "delete"}, {"temporary": True}),
        ({"stream_subgraphs": True}, {"subgraphs": True}),
        ({"stream_resumable": True}, {"resumable": True}),
        ({"checkpoint_during": True}, {"checkpoint_during": True, "durability": "async"}),
        ({"checkpoint_during": False}, {"checkpoint_during": False, "durability": "exit"}),
        ({"checkpoint_during": False, "durability": "sync"}, {"checkpoint_during": False, "durability": "sync"}),
        ({"durability": "exit"}, {"checkpoint_during": True, "durability": "exit"}),
        ({"interrupt_before": ["second"]}, {"interrupt_before": ["second"]}),
        ({"interrupt_after": "*"}, {"interrupt_after": "*"}),
        ({"command": {"goto": "second", "other": 1}}, {"command": {"goto": "second", "other": 1}}),
        ({"context": {"a": 1}}, {"context": {"a": 1}}),
        ({"config": {"configurable": {"a": 1}}}, {"context": {"a": 1}}),
    ],
)
def test_a_field_shows_in_kwargs(http: httpx.Client, fields: Any, kwargs: Any) -> None:
    shown = create(http, "simple", {"foo": 1}, **fields)["kwargs"]
    assert {key: shown[key] for key in kwargs} == kwargs


@pytest.mark.shows("create_run", "multitask_strategy")
@pytest.mark.parametrize("strategy", ["reject", "bogus", 5, {}, None])
def test_multitask_strategy_is_echoed_and_not_judged(http: httpx.Client, strategy: Any) -> None:
    assert create(http, "simple", multitask_strategy=strategy)["multitask_strategy"] == strategy


@pytest.mark.parametrize(
    "fields",
    [
        {"if_not_exists": 5},
        {"feedback_keys": []},
        {"checkpoint": {}},
        {"checkpoint": None},
        {"checkpoint_id": None},
        {"langsmith_tracer": None},
        {"config": {"metadata": None}},
        {"config": {"metadata": []}},
        {"config": {"recursion_limit": 25.0}},
        {"command": None},
    ],
    ids=json.dumps,
)
def test_values_that_mean_nothing_are_accepted(http: httpx.Client, fields: Any) -> None:
    response = http.post("/runs", json={"assistant_id": "simple", "input": {"foo": 1}, **fields})
    assert response.status_code == 200, response.text
    assert "treadle-ignored" not in response.headers


@pytest.mark.parametrize("value", ["cancel", "bogus", None, 5])
def test_on_disconnect_means_nothing_to_a_background_run(http: httpx.Client, value: Any) -> None:
    assert create(http, "simple", {"foo": 1}, on_disconnect=value)["status"] == "pending"


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_the_content_type_of_the_request_does_not_matter(http: httpx.Client, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert http.post("/runs", content=b'{"assistant_id":"simple"}', headers=headers).status_code == 200


def test_the_last_of_two_equal_keys_wins(http: httpx.Client) -> None:
    response = http.post("/runs", content=b'{"assistant_id":"nope","assistant_id":"simple"}')
    assert accepted(response).json()["assistant_id"] == SIMPLE


# Metadata


@pytest.mark.shows("create_run", "metadata config")
def test_metadata_wins_over_config_metadata_and_both_are_merged(http: httpx.Client) -> None:
    run = create(http, "simple", metadata={"a": 1, "b": 1}, config={"metadata": {"b": 2, "c": 2}})
    expected = {"created_by": "system", "a": 1, "b": 1, "c": 2, "assistant_id": SIMPLE}
    assert run["metadata"] == run["kwargs"]["config"]["metadata"] == expected
    assert list(run["metadata"])[-1] == "assistant_id"


def test_reserved_metadata_is_dropped_and_the_rest_may_be_overridden(http: httpx.Client) -> None:
    reserved = dict.fromkeys(
        ["thread_id", "assistant_id", "run_id", "cron_id", "counters_since_delta_snapshot"], "mine"
    )
    run = create(http, "simple", metadata={**reserved, "created_by": "me", "graph_id": "lie"})
    assert run["metadata"] == {"created_by": "me", "graph_id": "lie", "assistant_id": SIMPLE}


@pytest.mark.shows("wait_run", "metadata config.tags")
def test_metadata_reaches_the_graph_with_what_the_server_adds(http: httpx.Client) -> None:
    version = http.get("/info").json()
    body = {"assistant_id": "echo", "input": {}, "metadata": {"mine": 1}, "config": {"tags": ["t"]}}
    response = http.post("/runs/wait", json=body)
    [seen] = accepted(response).json()["items"]
    assert seen["tags"] == ["t"]
    expected = {
        "created_by": "system",
        "mine": 1,
        "run_attempt": 1,
        "langgraph_version": version["langgraph_py_version"],
        "langgraph_api_version": version["version"],
        "langgraph_plan": "treadle",
        "langgraph_host": "self-hosted",
        "langgraph_api_url": str(http.base_url).rstrip("/"),
        "graph_id": "echo",
        "run_id": run_id_of(response),
        "langgraph_step": 1,
        "langgraph_node": "show_config",
        "langgraph_triggers": ["branch:to:show_config"],
        "langgraph_path": ["__pregel_pull", "show_config"],
    }
    assert {key: seen["metadata"].get(key) for key in expected} == expected
    assert {"assistant_id", "thread_id", "langgraph_checkpoint_ns"} <= set(seen["metadata"])


# Headers of the request


def test_x_request_id_is_stored_and_never_echoed(http: httpx.Client) -> None:
    request_id = str(uuid4())
    response = http.post("/runs", json={"assistant_id": "simple"}, headers={"x-request-id": request_id})
    assert configurable_of(response.json())["langgraph_request_id"] == request_id
    assert "x-request-id" not in response.headers


def test_of_other_headers_only_the_trace_is_stored(http: httpx.Client) -> None:
    headers = {"langsmith-trace": "a-trace", "x-api-key": "a-key", "x-custom": "a-custom", "user-agent": "an-agent"}
    shown = configurable_of(http.post("/runs", json={"assistant_id": "simple"}, headers=headers).json())
    assert shown["langsmith-trace"] == "a-trace"
    assert not {"a-key", "a-custom", "an-agent"} & {str(value) for value in shown.values()}


# Unknown fields


@pytest.mark.parametrize(
    ("fields", "ignored"),
    [
        ({"foo": 1}, "foo"),
        ({"foo": 1, "thread_id": "x", "run_id": "x"}, "foo, thread_id, run_id"),
        ({"onCompletion": "keep", "assistantId": "simple"}, "onCompletion, assistantId"),
        ({"foo": 1, "config": {"bar": 1, "run_id": "x"}}, "foo, config.run_id"),
    ],
)
@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/runs/stream"])
def test_unknown_fields_are_named(http: httpx.Client, path: str, fields: Any, ignored: str) -> None:
    response = http.post(path, json={"assistant_id": "simple", "input": {"foo": 1}, **fields})
    assert response.status_code == 200
    assert response.headers["treadle-ignored"] == ignored


# Numbers and text


@pytest.mark.parametrize(
    "number", ["1", "1.0", "-0.0", "1e+30", str(2**63), str(-(2**70)), str(10**400)], ids=lambda text: text[:25]
)
def test_numbers_are_exact(http: httpx.Client, number: str) -> None:
    """Integers of any length stay integers, floats keep their `.0`, in the Run as in the outcome."""
    body = f'{{"assistant_id":"simple","input":{{"foo":{number}}},"metadata":{{"n":{number}}}}}'
    response = http.post("/runs", content=body)
    assert response.status_code == 200, response.text
    said = response.text.replace("1e30", "1e+30")  # as orjson writes it before 3.11.7
    assert f'"input":{{"foo":{number}}}' in said
    assert f'"metadata":{{"created_by":"system","n":{number},' in said
    joined = http.get(f"/runs/{response.json()['run_id']}/join").text
    assert joined.replace("1e30", "1e+30") == f'{{"foo":{number},"items":["a","b"]}}'


def test_text_is_raw_utf_8(http: httpx.Client) -> None:
    text = "é\u2028\N{PILE OF POO}\x7f"
    response = http.post("/runs", json={"assistant_id": "simple", "input": {"foo": text}})
    assert f'{{"foo":"{text}"}}'.encode() in response.content


def test_nul_comes_back_as_the_replacement_character(http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": "a\x00b"}, metadata={"k\x00": "v\x00"})
    assert run["kwargs"]["input"] == {"foo": "a\ufffdb"}
    assert run["metadata"]["k\ufffd"] == "v\ufffd"
