"""Assistants that clients create, by the SDK's methods with every argument that they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

from tests.live import GRAPHS, LiveServer, serving

SIMPLE = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of its own: what is created here stays, and other tests count assistants."""
    with serving(GRAPHS.with_name("assistants.json")) as live:
        yield live


@pytest.fixture
def mark() -> dict[str, str]:
    """Metadata that only the assistants of one test have."""
    return {"mark": str(uuid4())}


def graph_assistant(sdk: SyncLangGraphClient, graph_id: str) -> str:
    """The id of the assistant that a graph comes with."""
    [found] = sdk.assistants.search(graph_id=graph_id, metadata={"created_by": "system"})
    return found["assistant_id"]


# Created


def test_the_beginning_of_a_script_may_run_twice(sdk: SyncLangGraphClient) -> None:
    assistant_id = str(uuid4())
    once = sdk.assistants.create(graph_id="simple", assistant_id=assistant_id, if_exists="do_nothing")
    assert (once["assistant_id"], once["name"], once["version"]) == (assistant_id, "Untitled", 1)
    assert (once["config"], once["context"], once["metadata"], once["description"]) == ({}, {}, {}, None)
    again = sdk.assistants.create(graph_id="simple", assistant_id=assistant_id, name="Other", if_exists="do_nothing")
    assert again == once
    assert sdk.runs.wait(None, assistant_id, input={"foo": 1}) == {"foo": 1, "items": ["a", "b"]}


def test_an_assistant_has_all_that_it_was_created_with(sdk: SyncLangGraphClient, mark: dict[str, str]) -> None:
    assistant_id = str(uuid4())
    created = sdk.assistants.create(
        "contextual",
        {"tags": ["t"], "recursion_limit": 7},
        context={"user": "ana"},
        metadata=mark,
        assistant_id=assistant_id,
        if_exists="raise",
        name="Ana's",
        description="for Ana",
    )
    assert created == sdk.assistants.get(assistant_id)
    assert created["config"] == {"tags": ["t"], "recursion_limit": 7, "configurable": {"user": "ana"}}
    assert (created["graph_id"], created["context"], created["metadata"]) == ("contextual", {"user": "ana"}, mark)
    assert (created["name"], created["description"]) == ("Ana's", "for Ana")
    assert created["created_at"] == created["updated_at"]


def test_an_id_is_taken_once(sdk: SyncLangGraphClient) -> None:
    assistant_id = sdk.assistants.create("simple")["assistant_id"]
    for options in ({}, {"if_exists": "raise"}):
        with pytest.raises(ConflictError, match=assistant_id):
            sdk.assistants.create("simple", assistant_id=assistant_id, **options)  # type: ignore[arg-type]


def test_what_no_assistant_can_be_is_refused(sdk: SyncLangGraphClient) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        sdk.assistants.create("nobody")
    with pytest.raises(UnprocessableEntityError, match="my-assistant"):
        sdk.assistants.create("simple", assistant_id="my-assistant")


# Runs


def test_a_run_starts_from_its_assistant(sdk: SyncLangGraphClient, mark: dict[str, str]) -> None:
    assistant_id = sdk.assistants.create("contextual", context={"user": "ana"})["assistant_id"]
    output: Any = sdk.runs.wait(None, assistant_id, input={})
    assert output["foo"] == {"user": "ana", "limit": 3}
    output = sdk.runs.wait(None, assistant_id, input={}, context={"limit": 5})
    assert output["foo"] == {"user": "ana", "limit": 5}
    config: Any = {"tags": ["t"], "configurable": {"a": 1, "b": 1}}
    assistant_id = sdk.assistants.create("echo", config, metadata=mark)["assistant_id"]
    given: Any = {"configurable": {"b": 2}}
    output = sdk.runs.wait(None, assistant_id, input={}, config=given, metadata={"mine": 1})
    [seen] = output["items"]
    assert (seen["tags"], seen["configurable"]["a"], seen["configurable"]["b"]) == (["t"], 1, 2)
    assert {**mark, "mine": 1, "assistant_id": assistant_id}.items() <= seen["metadata"].items()


# Found


def test_assistants_are_found_and_counted(sdk: SyncLangGraphClient, mark: dict[str, str]) -> None:
    for graph_id, name in (("simple", "First one"), ("simple", "Second"), ("echo", "Third ONE")):
        sdk.assistants.create(graph_id, metadata={**mark, "graph": graph_id}, name=name)
    for conditions, names in (
        ({}, ["Third ONE", "Second", "First one"]),
        ({"graph_id": "simple"}, ["Second", "First one"]),
        ({"name": "one"}, ["Third ONE", "First one"]),
        ({"name": "one", "graph_id": "echo"}, ["Third ONE"]),
        ({"metadata": {**mark, "graph": "none"}}, []),
    ):
        asked: Any = {"metadata": mark, **conditions}
        assert [each["name"] for each in sdk.assistants.search(**asked)] == names
        assert sdk.assistants.count(**asked) == len(names)


def test_a_search_is_read_page_by_page(sdk: SyncLangGraphClient, mark: dict[str, str]) -> None:
    for name in ("b", "c", "a"):
        sdk.assistants.create("simple", metadata=mark, name=name)
    found, offset = [], "0"
    while offset is not None:
        page: Any = sdk.assistants.search(
            metadata=mark,
            limit=2,
            offset=int(offset),
            sort_by="name",
            sort_order="asc",
            select=["name", "version"],
            response_format="object",
        )
        found += page["assistants"]
        offset = page["next"]
    assert found == [{"name": name, "version": 1} for name in "abc"]


# Changed


def test_an_update_makes_a_version(sdk: SyncLangGraphClient, mark: dict[str, str]) -> None:
    """Config and context are replaced, and metadata is merged."""
    first = sdk.assistants.create("simple", {"tags": ["t"]}, context={"a": 1}, metadata=mark, name="First")
    assistant_id = first["assistant_id"]
    second = sdk.assistants.update(assistant_id, config={"recursion_limit": 9}, metadata={"more": 1})
    assert (second["config"], second["context"], second["metadata"]) == (
        {"recursion_limit": 9},
        {},
        {**mark, "more": 1},
    )
    third = sdk.assistants.update(assistant_id, graph_id="echo", context={"b": 2}, name="Third", description="new")
    assert third["config"] == {"recursion_limit": 9, "configurable": {"b": 2}}
    assert (third["graph_id"], third["context"], third["name"], third["description"]) == (
        "echo",
        {"b": 2},
        "Third",
        "new",
    )
    assert [each["version"] for each in (first, second, third)] == [1, 2, 3]
    assert third == sdk.assistants.get(assistant_id)
    assert third["created_at"] == first["created_at"] < third["updated_at"]


def test_an_earlier_version_becomes_the_current_one(sdk: SyncLangGraphClient) -> None:
    assistant_id = sdk.assistants.create("contextual", context={"user": "ana"}, name="First")["assistant_id"]
    sdk.assistants.update(assistant_id, context={"user": "bo"}, name="Second")
    assert sdk.assistants.set_latest(assistant_id, 1)["name"] == "First"
    assert sdk.assistants.get(assistant_id)["version"] == 1
    output: Any = sdk.runs.wait(None, assistant_id, input={})
    assert output["foo"]["user"] == "ana"
    assert sdk.assistants.update(assistant_id, name="Third")["version"] == 3
    with pytest.raises(NotFoundError, match="9"):
        sdk.assistants.set_latest(assistant_id, version=9)


def test_versions_are_listed(sdk: SyncLangGraphClient) -> None:
    assistant_id = sdk.assistants.create("simple", metadata={"n": 1})["assistant_id"]
    for number in (2, 3):
        sdk.assistants.update(assistant_id, metadata={"n": number})
    versions = sdk.assistants.get_versions(assistant_id)
    assert [(each["version"], each["metadata"]) for each in versions] == [(n, {"n": n}) for n in (3, 2, 1)]
    assert sdk.assistants.get_versions(assistant_id, {"n": 2}) == versions[1:2]
    assert sdk.assistants.get_versions(assistant_id, metadata=None, limit=1, offset=1) == versions[1:2]


def test_the_assistant_of_a_graph_is_changed_and_stays(sdk: SyncLangGraphClient) -> None:
    """Its runs name it by its graph as before."""
    assistant_id = graph_assistant(sdk, "contextual")
    version = sdk.assistants.update(assistant_id, context={"user": "cy"})["version"]
    assert version > 1
    output: Any = sdk.runs.wait(None, "contextual", input={})
    assert output["foo"]["user"] == "cy"
    assert graph_assistant(sdk, "contextual") == assistant_id
    assert len(sdk.assistants.get_versions(assistant_id)) == version
    with pytest.raises(ConflictError, match="contextual"):
        sdk.assistants.delete(assistant_id)


# Deleted


def test_an_assistant_is_deleted(sdk: SyncLangGraphClient) -> None:
    assistant_id = sdk.assistants.create("simple")["assistant_id"]
    run: Any = sdk.runs.create(None, assistant_id, input={"foo": 1}, on_completion="keep")
    sdk.runs.join(run["thread_id"], run["run_id"])
    sdk.assistants.delete(assistant_id)
    for call in (sdk.assistants.get, sdk.assistants.delete, sdk.assistants.get_versions, sdk.assistants.get_schemas):
        with pytest.raises(NotFoundError, match=assistant_id):
            call(assistant_id)
    with pytest.raises(NotFoundError, match=assistant_id):
        sdk.runs.create(None, assistant_id, input={"foo": 1})
    assert sdk.threads.get(run["thread_id"])["status"] == "idle"


def test_its_threads_go_with_it(sdk: SyncLangGraphClient) -> None:
    assistant_id = sdk.assistants.create("simple")["assistant_id"]
    threads = []
    for named in (assistant_id, assistant_id, "simple"):
        run: Any = sdk.runs.create(None, named, input={"foo": 1}, on_completion="keep")
        sdk.runs.join(run["thread_id"], run["run_id"])
        threads.append(run["thread_id"])
    sdk.assistants.delete(assistant_id, delete_threads=True)
    for thread_id in threads[:2]:
        with pytest.raises(NotFoundError, match=thread_id):
            sdk.threads.get(thread_id)
    assert sdk.threads.get(threads[2])["status"] == "idle"


# Looked at


def test_schemas_differ_as_the_author_wrote_them(sdk: SyncLangGraphClient) -> None:
    assistant_id = sdk.assistants.create("private")["assistant_id"]
    schemas: Any = sdk.assistants.get_schemas(assistant_id)
    assert schemas["graph_id"] == "private"
    parts = [schemas[f"{name}_schema"]["properties"].keys() for name in ("input", "output", "state")]
    assert parts == [{"q"}, {"a"}, {"q", "a", "secret"}]
    assert (schemas["config_schema"], schemas["context_schema"]) == ({}, None)
    context: Any = sdk.assistants.get_schemas(graph_assistant(sdk, "contextual"))["context_schema"]
    assert context["properties"]["limit"] == {"default": 3, "title": "Limit", "type": "integer"}


def test_subgraphs_have_schemas_by_their_names(sdk: SyncLangGraphClient) -> None:
    assistant_id = graph_assistant(sdk, "deep")
    assert list(sdk.assistants.get_subgraphs(assistant_id)) == ["middle"]
    found: Any = sdk.assistants.get_subgraphs(assistant_id, recurse=True)
    assert list(found) == ["middle", "middle|inner"]
    assert found["middle|inner"]["state_schema"]["properties"].keys() == {"n"}
    assert sdk.assistants.get_subgraphs(assistant_id, "middle") == {"middle": found["middle"]}
    named = sdk.assistants.get_subgraphs(assistant_id, namespace="middle|inner", recurse=True)
    assert named == {"middle|inner": found["middle|inner"]}
    assert sdk.assistants.get_subgraphs(assistant_id, "middle|inner") == named
    assert sdk.assistants.get_subgraphs(assistant_id, "middle", recurse=True) == found
    assert sdk.assistants.get_subgraphs(SIMPLE) == {}
    with pytest.raises(NotFoundError, match="nowhere"):
        sdk.assistants.get_subgraphs(assistant_id, "nowhere")
