"""Parameters with an empty value, and lists in every form: each is judged by its schema, wherever it is."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

import treadle_api.operations as op
from tests.live import LiveServer, sse
from tests.web.calls import accepted, create, ended
from tests.web.keeping import kept, thread_path
from tests.web.test_feedback import entries, url
from treadle_api.operations import Operation, Parameter

pytestmark = pytest.mark.edge

shows = pytest.mark.shows
AnyOperation = Operation[Any, Any, Any]
LEGAL = {
    "list_thread_history before",
    "get_item key",
    "get_item namespace",
    "give_feedback_by_link value",
    "give_feedback_by_link comment",
    "join_run_stream stream_mode",
    "join_thread_run_stream stream_mode",
    # Read as no cursor (recorded).
    "join_run_stream Last-Event-ID",
    "join_thread_run_stream Last-Event-ID",
    "stream_run Last-Event-ID",
}
"""Parameters that may be empty, or whose empty value counts as none; the document says so of each."""
IN_PATHS = {
    (operation, parameter) for operation in op.ALL for parameter in operation.parameters if parameter.location == "path"
}
EMPTY = [
    pytest.param(
        operation,
        parameter,
        id=f"{operation.name} {parameter.name}",
        marks=[] if f"{operation.name} {parameter.name}" in LEGAL else shows(operation.name, "422"),
    )
    for operation in op.ALL
    for parameter in operation.parameters
    if (operation, parameter) not in IN_PATHS
]


@pytest.fixture(scope="module")
def document(server: LiveServer) -> Any:
    """The served document."""
    return httpx.get(f"{server.url}/openapi.json").json()


def schema_of(document: Any, operation: AnyOperation, parameter: Parameter) -> tuple[Any, Any]:
    """The parameter in the served document, and its schema."""
    declared = document["paths"][operation.path][operation.method.lower()]["parameters"]
    [found] = [each for each in declared if each.get("name") == parameter.name]
    return found, found["schema"]


def sent_empty(http: httpx.Client, operation: AnyOperation, parameter: Parameter) -> httpx.Response:
    """The answer to a request whose parameter is empty; the ids in its path do not exist."""
    path = re.sub(r"\{\w+\}", str(uuid4()), operation.path)
    others = [each.name for each in operation.parameters if each.required and each.location == "query"]
    query = "".join(f"&{name}=x" for name in others if name != parameter.name)
    query = f"?{parameter.name}={query}" if parameter.location == "query" else ""
    headers = {parameter.name: ""} if parameter.location == "header" else {}
    content = b'{"checkpoint": {}, "status": "pending"}' if operation.body_pointer else None
    return http.request(operation.method, path + query, headers=headers, content=content)


@pytest.mark.parametrize(("operation", "parameter"), EMPTY)
def test_an_empty_value_is_judged_like_any_other(
    http: httpx.Client, document: Any, operation: AnyOperation, parameter: Parameter
) -> None:
    response = sent_empty(http, operation, parameter)
    declared, schema = schema_of(document, operation, parameter)
    legal = f"{operation.name} {parameter.name}" in LEGAL
    plain = schema.get("type") == "string" and not {"enum", "pattern", "minLength"} & set(schema)
    assert (plain or declared.get("allowEmptyValue", False)) == legal
    if legal:
        assert not response.text.startswith(f'{{"detail":"{parameter.name}: ')
    else:
        assert response.status_code == 422
        assert response.json()["detail"].startswith(f"{parameter.name}: ")


@pytest.mark.parametrize("query", ["limit=5&limit=", "status=success&status=", "select=run_id&select="])
def test_an_empty_value_among_others_is_one(http: httpx.Client, query: str) -> None:
    run = kept(http, "simple", {"foo": 1})
    response = http.get(f"{thread_path(run)}/runs?{query}")
    assert (response.status_code, response.json()["detail"].partition(":")[0]) == (422, query.partition("=")[0])


@pytest.mark.parametrize("path", ["/runs/{run_id}", "/threads/{thread_id}/runs/{run_id}"])
def test_the_empty_stream_mode_of_an_sdk_means_all_of_them(http: httpx.Client, path: str) -> None:
    run = create(http, "simple", {"foo": 1}, stream_mode=["values", "updates"], stream_resumable=True)
    ended(http, run["run_id"])
    stream, replay = f"{path.format(**run)}/stream", {"last-event-id": "-1"}
    everything = sse(accepted(http.get(stream, headers=replay)).content)
    assert sse(accepted(http.get(f"{stream}?stream_mode=", headers=replay)).content) == everything
    assert len(everything) > 2


def test_an_empty_text_of_feedback_is_one(http: httpx.Client) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
    given = accepted(http.get(f"{url(run)}?value=&comment=")).json()
    assert (given["score"], given["value"], given["comment"]) == (None, "", "")
    assert entries(http, run) == [{"score": None, "value": "", "comment": ""}]


# Lists

LISTS = [
    "{name}={one}&{name}={two}",
    "{name}={one},{two}",
    "{name}={two},{one}",
    '{name}=["{one}","{two}"]',
    '{name}=["{one}"]&{name}={two}',
    '{name}={one}&{name}=["{two}"]',
    "{name}={one},{one}&{name}={two}",
]


@pytest.mark.parametrize("form", LISTS)
@pytest.mark.parametrize(
    ("path", "name", "one", "two"),
    [
        pytest.param("/state", "select", "values.foo", "next", marks=shows("get_thread_state", "select")),
        pytest.param("/state", "select", "values.foo", "values.items", marks=shows("get_thread_state", "select")),
        pytest.param(
            "/state/{checkpoint_id}", "select", "values.foo", "next", marks=shows("get_thread_state_at", "select")
        ),
        pytest.param("/runs", "select", "run_id", "status", marks=shows("list_thread_runs", "select=run_id,status")),
    ],
)
def test_a_list_is_read_the_same_in_every_form(
    http: httpx.Client, form: str, path: str, name: str, one: str, two: str
) -> None:
    run = kept(http, "builder", {"foo": 1})
    whole = accepted(http.get(f"{thread_path(run)}/state")).json()
    base = f"{thread_path(run)}{path.format(checkpoint_id=whole['checkpoint_id'])}"
    answer = accepted(http.get(f"{base}?{form.format(name=name, one=one, two=two)}")).json()
    [found] = answer if isinstance(answer, list) else [answer]
    top = {key.partition(".")[0] for key in (one, two)}
    assert set(found) == top
    if "values" in top:
        assert set(found["values"]) == {key.partition(".")[2] for key in (one, two) if key.startswith("values.")}


@pytest.mark.parametrize("form", LISTS)
@pytest.mark.parametrize("under", ["/runs/{run_id}", "/threads/{thread_id}/runs/{run_id}"])
@shows("join_run_stream join_thread_run_stream", "stream_mode=values,updates")
def test_modes_are_read_the_same_in_every_form(http: httpx.Client, form: str, under: str) -> None:
    modes = ["values", "updates", "custom"]
    run = create(http, "builder", {"foo": 1}, stream_mode=modes, stream_resumable=True)
    ended(http, run["run_id"])
    query = form.format(name="stream_mode", one="values", two="updates")
    response = http.get(f"{under.format(**run)}/stream?{query}", headers={"last-event-id": "-1"})
    assert {name for name, _, _ in sse(accepted(response).content)} == {"values", "updates"}


@pytest.mark.parametrize(
    "query", ["select=values.foo,b", "select=next&select=values.foo,b", 'select=["b"]&select=next']
)
def test_a_name_in_a_list_that_is_none_is_the_one_that_is_named(http: httpx.Client, query: str) -> None:
    run = kept(http, "builder", {"foo": 1})
    response = http.get(f"{thread_path(run)}/state?{query}")
    assert response.status_code == 422
    assert response.json()["detail"].startswith('select: "b" ')


def test_a_name_with_a_comma_is_one_in_json(http: httpx.Client) -> None:
    state = f"{thread_path(kept(http, 'builder', {'foo': 1}))}/state"
    assert accepted(http.get(state, params={"select": '["values.foo,b"]'})).json() == {"values": {}}
