"""Assistants that clients create: all their fields, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.live import STORE, LiveServer, serving
from tests.web.assistants import ASSISTANTS, assistant, assistant_path, default_of, new_assistant, patched, refusal
from tests.web.assistants import versions as versions_of
from tests.web.calls import Json, accepted
from tests.web.test_assistants import KEYS

shows = pytest.mark.shows
BOTH = pytest.mark.parametrize("operation", ["create_assistant", "update_assistant"])


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of its own, for what is created here stays."""
    with serving(ASSISTANTS) as live:
        yield live


def send(http: httpx.Client, operation: str, **fields: Any) -> httpx.Response:
    """The answer to a request that makes an assistant or changes one."""
    if operation == "create_assistant":
        return http.post("/assistants", json={"graph_id": "simple", **fields})
    return http.patch(assistant_path(new_assistant(http)), json=fields)


# Created


@shows("create_assistant", "graph_id 200")
def test_an_assistant_needs_a_graph_only(http: httpx.Client) -> None:
    made = new_assistant(http)
    assert list(made) == KEYS
    assert UUID(made["assistant_id"]).version == 4
    assert made["created_at"] == made["updated_at"]
    assert {key: made[key] for key in KEYS if key not in ("assistant_id", "created_at", "updated_at")} == {
        "graph_id": "simple",
        "config": {},
        "context": {},
        "metadata": {},
        "name": "Untitled",
        "version": 1,
        "description": None,
    }
    assert assistant(http, made) == made
    assert versions_of(http, made) == [made]


@shows("create_assistant", "assistant_id config config.tags config.recursion_limit config.configurable config.metadata")
@shows("create_assistant", "context metadata name description")
def test_an_assistant_has_all_that_it_was_created_with(http: httpx.Client) -> None:
    assistant_id = str(uuid4())
    config = {"tags": ["t"], "recursion_limit": 7, "metadata": {"deep": [1]}, "own": {"key": None}}
    fields: Json = {"metadata": {"ä": True}, "name": "Ana's", "description": ""}
    given: Json = {"config": {**config, "configurable": {"a": 1}}, "context": {"a": 1, "b": {"c": [2.5]}}}
    made = new_assistant(http, assistant_id=assistant_id.upper(), **fields, **given)
    assert made["assistant_id"] == assistant_id
    assert {key: made[key] for key in fields} == fields
    assert made["context"] == {"a": 1, "b": {"c": [2.5]}}
    assert made["config"] == {**config, "configurable": made["context"]}
    assert assistant(http, made) == made


@BOTH
@pytest.mark.parametrize(
    ("given", "context"),
    [
        ({"context": {"a": 1}}, {"a": 1}),
        ({"config": {"configurable": {"a": 1}}}, {"a": 1}),
        ({"config": {"configurable": {"a": 1}}, "context": {"b": 2}}, {"a": 1, "b": 2}),
        ({"config": {"configurable": {}}, "context": {}}, {}),
    ],
)
def test_config_and_context_mirror_each_other(http: httpx.Client, operation: str, given: Json, context: Json) -> None:
    made = accepted(send(http, operation, **given)).json()
    assert (made["context"], made["config"]) == (context, {"configurable": context})


@shows("create_assistant", "if_exists=raise,do_nothing 409")
def test_an_id_is_taken_once(http: httpx.Client) -> None:
    made = new_assistant(http, name="First")
    body = {"graph_id": "echo", "assistant_id": made["assistant_id"], "name": "Second"}
    for options in ({}, {"if_exists": "raise"}):
        assert made["assistant_id"] in refusal(http.post("/assistants", json={**body, **options}), 409)
    assert accepted(http.post("/assistants", json={**body, "if_exists": "do_nothing"})).json() == made
    assert assistant(http, made) == made
    fresh = new_assistant(http, assistant_id=str(uuid4()), if_exists="do_nothing", name="Third")
    assert (fresh["name"], fresh["version"]) == ("Third", 1)


@pytest.mark.parametrize("changed", [False, True])
def test_the_id_of_a_graph_s_assistant_is_taken(http: httpx.Client, changed: bool) -> None:
    own = default_of(http, "private")
    own = patched(http, own, name="Changed") if changed else own
    body = {"graph_id": "simple", "assistant_id": own["assistant_id"]}
    refusal(http.post("/assistants", json=body), 409)
    assert accepted(http.post("/assistants", json={**body, "if_exists": "do_nothing"})).json() == own


# Refused


@BOTH
@shows("create_assistant", "404")
@shows("update_assistant", "404")
def test_an_unknown_graph(http: httpx.Client, operation: str) -> None:
    detail = refusal(send(http, operation, graph_id="nobody"), 404)
    assert "'nobody'" in detail and detail.startswith("graph_id: ")


@BOTH
@shows("create_assistant update_assistant", "400")
@pytest.mark.parametrize(("one", "other"), [(1, 2), (1, True), (None, 0), ([1], {"0": 1})])
def test_a_contradiction_names_its_key(http: httpx.Client, operation: str, one: Any, other: Any) -> None:
    given = {"config": {"configurable": {"same": 1, "key": one}}, "context": {"same": 1, "key": other}}
    detail = refusal(send(http, operation, **given), 400)
    assert "context.key" in detail and "config.configurable.key" in detail


@BOTH
@shows("create_assistant update_assistant", "422")
@pytest.mark.parametrize(
    ("place", "fields"),
    [
        ("metadata", {"metadata": {"a\0b": 1}}),
        ("config", {"config": {"a\0b": 1}}),
        ("config.configurable", {"config": {"configurable": {"\0": 1}}}),
        ("context", {"context": {"a\0": 1}}),
        ("name", {"name": "a\0b"}),
    ],
)
def test_a_key_or_a_name_with_nul(http: httpx.Client, operation: str, place: str, fields: Json) -> None:
    assert refusal(send(http, operation, **fields), 422).startswith(f"{place}: ")


@BOTH
@shows("create_assistant update_assistant", "422")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("graph_id", 5),
        ("config", "text"),
        ("config", []),
        ("config.tags", "t"),
        ("config.tags", [1]),
        ("config.recursion_limit", "7"),
        ("config.recursion_limit", 7.5),
        ("config.configurable", [1]),
        ("config.metadata", "m"),
        ("context", [1]),
        ("metadata", 1),
        ("name", 5),
        ("name", None),
        ("description", 5),
    ],
)
def test_a_value_of_a_wrong_type(http: httpx.Client, operation: str, place: str, value: Any) -> None:
    field, _, inner = place.partition(".")
    detail = refusal(send(http, operation, **{field: {inner: value} if inner else value}), 422)
    assert "".join(f'["{key}"]' for key in place.split(".")) in detail.rpartition("On instance")[2]


@shows("create_assistant", "422")
@pytest.mark.parametrize(
    ("place", "fields"),
    [
        ("graph_id", {"graph_id": None}),
        ("if_exists", {"if_exists": "replace"}),
        ("assistant_id", {"assistant_id": "my-assistant"}),
        ("assistant_id", {"assistant_id": ""}),
    ],
)
def test_what_no_new_assistant_can_be(http: httpx.Client, place: str, fields: Json) -> None:
    assert place in refusal(http.post("/assistants", json={"graph_id": "simple", **fields}), 422)


def test_an_assistant_without_a_graph(http: httpx.Client) -> None:
    assert "graph_id" in refusal(http.post("/assistants", json={"name": "nobody's"}), 422)


@BOTH
@shows("create_assistant update_assistant", "413")
def test_a_body_is_no_larger_than_a_megabyte(http: httpx.Client, operation: str) -> None:
    # Less than the limit by the spaces that some clients write.
    sent = {"graph_id": "simple", "description": "x" * (1024**2 - 60)}
    assert accepted(send(http, operation, **sent)).json()["description"] == sent["description"]
    refusal(send(http, operation, graph_id="simple", description="x" * 1024**2), 413)


def test_unknown_fields_are_named(http: httpx.Client) -> None:
    for operation in ("create_assistant", "update_assistant"):
        assert accepted(send(http, operation, colour="red")).headers["treadle-ignored"] == "colour"


@shows("create_assistant update_assistant", "409")
@pytest.mark.parametrize("uri", ["memory://", "sqlite:///{folder}/runs.db"], ids=lambda uri: uri.partition(":")[0])
def test_no_more_are_kept_than_may_be(uri: str, tmp_path: Path) -> None:
    """Those of the graphs count once they are changed."""
    with serving(ASSISTANTS, database_uri=uri.format(folder=tmp_path), max_assistants=2) as live, live.client() as http:
        made = [new_assistant(http), new_assistant(http)]
        assert "MAX_ASSISTANTS" in refusal(send_new(http), 409)
        own = default_of(http, "simple")
        assert "MAX_ASSISTANTS" in refusal(http.patch(assistant_path(own), json={"name": "New"}), 409)
        assert default_of(http, "simple") == own
        assert patched(http, made[0], name="New")["version"] == 2
        repeated = {"graph_id": "simple", "assistant_id": made[1]["assistant_id"], "if_exists": "do_nothing"}
        assert accepted(http.post("/assistants", json=repeated)).json() == made[1]
        assert http.delete(assistant_path(made[1])).status_code == 204
        assert patched(http, own, name="New")["version"] == 2
        refusal(send_new(http), 409)


def send_new(http: httpx.Client) -> httpx.Response:
    return http.post("/assistants", json={"graph_id": "simple"})


@pytest.mark.skipif(STORE != "sqlite", reason="memory does not outlive its server")
def test_assistants_outlive_their_server(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/runs.db"
    with serving(ASSISTANTS, database_uri=uri) as live, live.client() as http:
        made = patched(http, new_assistant(http, context={"a": 1}), name="Second")
        own = patched(http, default_of(http, "echo"), context={"b": 2})
        versions = versions_of(http, made)
        gone = new_assistant(http)
        assert http.delete(assistant_path(gone)).status_code == 204
    with serving(ASSISTANTS, database_uri=uri) as live, live.client() as http:
        assert (assistant(http, made), assistant(http, own)) == (made, own)
        assert default_of(http, "echo") == own
        assert versions_of(http, made) == versions
        refusal(http.get(assistant_path(gone)), 404)


# Found


@shows("count_assistants", "graph_id name metadata 200")
def test_assistants_are_counted_as_they_are_found(http: httpx.Client) -> None:
    mark = {"mark": str(uuid4())}
    for graph, name in (("simple", "First ÖNE"), ("simple", "Second"), ("echo", "Third öne")):
        new_assistant(http, graph, metadata={**mark, "graph": graph}, name=name)
    for conditions, names in (
        ({}, ["Third öne", "Second", "First ÖNE"]),
        ({"graph_id": "simple"}, ["Second", "First ÖNE"]),
        ({"name": "Öne"}, ["Third öne", "First ÖNE"]),
        ({"name": "öne", "graph_id": "echo"}, ["Third öne"]),
        ({"metadata": {**mark, "graph": "none"}}, []),
    ):
        body = {"metadata": mark, **conditions}
        found = accepted(http.post("/assistants/search", json=body)).json()
        assert [each["name"] for each in found] == names
        assert accepted(http.post("/assistants/count", json=body)).json() == len(names)


@shows("count_assistants", "404 422")
@pytest.mark.parametrize(
    ("body", "status"), [({"graph_id": "bogus"}, 404), ({"name": 5}, 422), ({"metadata": []}, 422)]
)
def test_a_wrong_count_is_refused(http: httpx.Client, body: Json, status: int) -> None:
    refusal(http.post("/assistants/count", json=body), status)


def test_pages_go_through_created_and_own_assistants(http: httpx.Client) -> None:
    for _ in range(3):
        new_assistant(http)
    patched(http, default_of(http, "deep"), description="changed")
    for order in ("asc", "desc"):
        body = {"sort_by": "graph_id", "sort_order": order}
        whole = accepted(http.post("/assistants/search", json={**body, "limit": 1000})).json()
        pages = [
            accepted(http.post("/assistants/search", json={**body, "limit": 2, "offset": offset})).json()
            for offset in range(0, len(whole), 2)
        ]
        assert [each for page in pages for each in page] == whole
        ids = [each["assistant_id"] for each in whole]
        assert len(set(ids)) == len(ids) == accepted(http.post("/assistants/count", json={})).json()
