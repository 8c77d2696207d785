"""Refusals of the operations that create runs: the status, and a `detail` that names field and fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.live import DEADLINE, serving

pytestmark = pytest.mark.edge

PATHS = ["/runs", "/runs/wait", "/runs/stream"]
Refused = Callable[..., str]


@pytest.fixture(scope="session")
def declared(server: Any) -> dict[str, set[int]]:
    """The statuses that the served document declares for each operation that creates runs."""
    paths = httpx.get(f"{server.url}/openapi.json", timeout=DEADLINE).json()["paths"]
    return {path: {int(status) for status in paths[path]["post"]["responses"]} for path in PATHS}


@pytest.fixture(params=PATHS)
def refused(http: httpx.Client, declared: dict[str, set[int]], request: pytest.FixtureRequest) -> Refused:
    """Posts a body to an operation, checks the form of the refusal, and returns its `detail`."""

    def post(body: Any, status: int = 422) -> str:
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        response = http.post(request.param, content=content)
        assert response.status_code == status, response.text
        assert status in declared[request.param]
        assert response.headers["content-type"] == "application/json"
        assert list(response.json()) == ["detail"]
        detail = response.json()["detail"]
        assert isinstance(detail, str)
        return detail

    return post


MALFORMED = {
    "empty": b"",
    "blank": b"  \n",
    "cut": b'{"assistant_id":"simple"',
    "no quotes": b"{assistant_id:1}",
    "trailing comma": b'{"assistant_id":"simple",}',
    "trailing garbage": b'{"assistant_id":"simple"} x',
    "two documents": b'{"assistant_id":"simple"}{}',
    "NaN": b'{"assistant_id":"simple","input":NaN}',
    "Infinity": b'{"assistant_id":"simple","input":-Infinity}',
    "NaN beside a big integer": b'{"assistant_id":"simple","input":[NaN,12345678901234567890123]}',
    "infinite float": b'{"assistant_id":"simple","input":1e400}',
    "bad UTF-8": b'{"assistant_id":"\xff"}',
    "UTF-16": '{"assistant_id":"simple"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"assistant_id":"simple"}',
    "lone surrogate": rb'{"assistant_id":"simple","input":"\ud800"}',
    "lone surrogate beside a big integer": rb'{"assistant_id":"simple","input":["\ud800",12345678901234567890123]}',
    "raw control character": b'{"assistant_id":"sim\nple"}',
    "gzip": b"\x1f\x8b\x08\x00",
    "very deep": b'{"assistant_id":"simple","input":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "never closed": b"[" * 100_000,
}


@pytest.mark.shows("create_run wait_run stream_run", "422")
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_json(refused: Refused, body: bytes) -> None:
    assert refused(body).startswith("Invalid JSON in request body")


@pytest.mark.parametrize("body", ["[]", '"x"', "null", "5", "true", '[{"assistant_id":"simple"}]'])
def test_what_is_no_object(refused: Refused, body: str) -> None:
    assert 'is not of type "object"' in refused(body)


@pytest.mark.parametrize("body", [{}, {"input": {}}, {"Assistant_id": "simple"}], ids=json.dumps)
def test_a_missing_assistant(refused: Refused, body: Any) -> None:
    assert '"assistant_id" is a required property' in refused(body)


@pytest.mark.parametrize("value", [None, 5, {}, [], True], ids=json.dumps)
def test_an_assistant_that_is_no_string(refused: Refused, value: Any) -> None:
    assert "assistant_id" in refused({"assistant_id": value})


@pytest.mark.parametrize("name", ["unknown-graph", "", "SIMPLE", " simple ", "\x00", "ünï", "x" * 5000, "{}"], ids=repr)
def test_an_unknown_graph_is_told_which_there_are(refused: Refused, name: str) -> None:
    detail = refused({"assistant_id": name})
    assert "assistant_id" in detail
    assert "simple, slow, failing, asking" in detail


@pytest.mark.shows("create_run wait_run stream_run", "404")
@pytest.mark.parametrize("unknown", ["00000000-0000-0000-0000-000000000000", "5E0F6B46D00F5AF487DCEA2105FF526E"])
def test_an_unknown_assistant(refused: Refused, unknown: str) -> None:
    assert unknown in refused({"assistant_id": unknown}, 404)


OBJECT: list[Any] = [None, [], "x", 5, True]
BOOLEAN: list[Any] = [None, 1, "true", [], {}]
FIELDS: dict[str, list[Any]] = {
    "metadata": OBJECT,
    "config": OBJECT,
    "context": OBJECT,
    "stream_subgraphs": BOOLEAN,
    "stream_resumable": BOOLEAN,
    "checkpoint_during": BOOLEAN,
    "stream_mode": [None, 5, "bogus", "", "VALUES", "tools", {}, ["bogus"], [None], ["values", 1]],
    "feedback_keys": ["x", None, [1], {}, ["x" * 257], ["x"] * 101],
    "webhook": ["", None, 5, []],
    "on_completion": ["bogus", "complete", None, 5, ""],
    "durability": ["bogus", None, 5, ["sync"]],
    "after_seconds": ["1", None, True, [], {}],
    "command": ["x", 5, [], True],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in FIELDS.items() for value in values], ids=json.dumps
)
def test_a_field_of_a_wrong_type(refused: Refused, field: str, value: Any) -> None:
    """The validator's own text, which names the field where it shows the instance."""
    detail = refused({"assistant_id": "simple", "input": {"foo": 1}, field: value})
    assert f'On instance["{field}"]' in detail


INSIDE: list[tuple[str, str, list[Any]]] = [
    ("config", "tags", ["x", [1], None, {}]),
    ("config", "recursion_limit", ["5", 1.5, None, True]),
    ("config", "configurable", OBJECT),
    ("config", "metadata", ["x", 5, [1], True]),
    ("command", "goto", [5, True, {"node": "second"}, ["second", {"node": "x", "input": 1}]]),
    ("command", "update", ["x", 5, True]),
]


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [(field, key, value) for field, key, values in INSIDE for value in values],
    ids=json.dumps,
)
def test_a_wrong_type_inside_a_field(refused: Refused, field: str, key: str, value: Any) -> None:
    assert field in refused({"assistant_id": "simple", "input": {"foo": 1}, field: {key: value}})


@pytest.mark.parametrize("path", ["/runs/wait", "/runs/stream"])
@pytest.mark.parametrize("value", ["bogus", None, 5, "CANCEL"], ids=json.dumps)
def test_on_disconnect_where_it_means_something(http: httpx.Client, path: str, value: Any) -> None:
    response = http.post(path, json={"assistant_id": "simple", "on_disconnect": value})
    assert response.status_code == 422
    assert 'On instance["on_disconnect"]' in response.json()["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("checkpoint", "x"),
        ("checkpoint", 5),
        ("checkpoint", [1]),
        ("checkpoint_id", "bogus"),
        ("checkpoint_id", 5),
        ("langsmith_tracer", "x"),
        ("langsmith_tracer", 5),
        ("langsmith_tracer", ["a"]),
    ],
)
def test_an_invalid_value_of_what_clients_send_beside_the_contract(refused: Refused, field: str, value: Any) -> None:
    assert refused({"assistant_id": "simple", field: value}).startswith(f"{field}: ")


@pytest.mark.shows("create_run wait_run stream_run", "command.resume 400")
@pytest.mark.parametrize("value", [True, 1, "yes", {"a": 1}, [1]], ids=json.dumps)
def test_there_is_no_thread_to_resume(refused: Refused, value: Any) -> None:
    assert "command.resume" in refused({"assistant_id": "simple", "command": {"resume": value}}, 400)


def test_one_key_with_two_values(refused: Refused) -> None:
    body = {"assistant_id": "simple", "config": {"configurable": {"user": "u"}}, "context": {"user": "v"}}
    assert "context.user" in refused(body, 400)


@pytest.mark.parametrize("value", ["250000000001", "1e12", "1e308", "1" + "0" * 30])
def test_a_delay_beyond_the_calendar(refused: Refused, value: str) -> None:
    assert "after_seconds" in refused(f'{{"assistant_id":"simple","after_seconds":{value}}}')


@pytest.mark.parametrize("field", ["config", "configurable", "context"])
def test_nul_in_a_key(refused: Refused, field: str) -> None:
    """Recorded; PostgreSQL could not store it."""
    given = {"a\x00b": 1}
    body = {"assistant_id": "simple", **({"config": {field: given}} if field == "configurable" else {field: given})}
    assert field in refused(body)


# Size and depth


@pytest.mark.parametrize("depth", [300, 900])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_has_a_limit(refused: Refused, depth: int, opening: str, closing: str) -> None:
    nested = opening * depth + "1" + closing * depth
    assert "nested" in refused(f'{{"assistant_id":"simple","input":{{"foo":{nested}}}}}', 400)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_below_the_limit_passes_through(http: httpx.Client, path: str, opening: str, closing: str) -> None:
    nested = opening * 190 + "1" + closing * 190
    response = http.post(path, content=f'{{"assistant_id":"simple","input":{{"foo":{nested}}}}}')
    assert response.status_code == 200
    assert nested in response.text


def test_brackets_in_a_string_are_no_nesting(http: httpx.Client) -> None:
    response = http.post("/runs/wait", json={"assistant_id": "simple", "input": {"foo": "[{" * 500}})
    assert response.json()["foo"] == "[{" * 500


LIMIT = 2000


@pytest.fixture(scope="module")
def small() -> Iterator[httpx.Client]:
    """A client of a server that takes bodies of up to 2000 bytes."""
    with serving(max_body_bytes=LIMIT) as live, live.client() as client:
        yield client


def sized(size: int) -> bytes:
    """A valid body of exactly `size` bytes."""
    empty = json.dumps({"assistant_id": "simple", "input": {"foo": ""}})
    return json.dumps({"assistant_id": "simple", "input": {"foo": "x" * (size - len(empty))}}).encode()


@pytest.mark.shows("create_run wait_run stream_run", "413")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [LIMIT + 1, 2_000_000])
def test_an_oversize_body(small: httpx.Client, path: str, chunked: bool, size: int) -> None:
    content: Any = iter([sized(size)[:100], sized(size)[100:]]) if chunked else sized(size)
    response = small.post(path, content=content)
    assert response.status_code == 413
    assert f"limit: {LIMIT} bytes, set by HTTP_MAX_REQUEST_BODY_BYTES" in response.json()["detail"]
    assert small.get("/ok").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_body_of_just_the_size(small: httpx.Client, path: str) -> None:
    assert len(sized(LIMIT)) == LIMIT
    assert small.post(path, content=sized(LIMIT)).status_code == 200


def test_twenty_megabytes_pass_through(http: httpx.Client) -> None:
    text = "x" * 20_000_000
    assert http.post("/runs/wait", json={"assistant_id": "builder", "input": {"foo": text}}).json()["foo"] == text
