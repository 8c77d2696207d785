"""`langgraph_sdk`, asynchronous and synchronous: runs without a thread, and its exceptions for failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import BadRequestError, NotFoundError, UnprocessableEntityError

from tests.live import LiveServer

pytestmark = pytest.mark.anyio
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello!"}]}
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def client(server: LiveServer) -> AsyncIterator[LangGraphClient]:
    """The asynchronous client."""
    async with get_client(url=server.url, api_key="any-key") as client:
        yield client


@pytest.fixture
def sync_client(server: LiveServer) -> Iterator[SyncLangGraphClient]:
    """The synchronous client."""
    with get_sync_client(url=server.url, api_key="any-key") as client:
        yield client


# Wait


async def test_wait(client: LangGraphClient, sync_client: SyncLangGraphClient) -> None:
    expected = {"foo": 1, "items": ["a", "b"]}
    assert await client.runs.wait(None, "simple", input={"foo": 1}) == expected
    assert sync_client.runs.wait(None, "simple", input={"foo": 1}) == expected


async def test_wait_raises_what_the_graph_raised(client: LangGraphClient) -> None:
    with pytest.raises(Exception, match="ValueError: boom"):
        await client.runs.wait(None, "failing", input={"foo": "value"})


async def test_wait_can_return_the_error_instead(client: LangGraphClient) -> None:
    outcome = await client.runs.wait(None, "failing", input={"foo": "own"}, raise_error=False)
    assert outcome == {"__error__": {"error": "OwnError", "message": "An internal error occurred"}}


@pytest.mark.shows("wait_run", "metadata config.configurable context")
async def test_wait_with_everything(client: LangGraphClient) -> None:
    """Every argument that a stateless wait has, at once."""
    created: list[Any] = []
    arguments: dict[str, Any] = {
        "input": {},
        "metadata": {"mine": 1},
        "config": {"tags": ["t"], "recursion_limit": 7, "configurable": {"a": 1}},
        "context": {"b": 2},
        "interrupt_before": ["nowhere"],
        "interrupt_after": ["nowhere"],
        "on_disconnect": "cancel",
        "on_completion": "delete",
        "multitask_strategy": "reject",
        "if_not_exists": "create",
        "after_seconds": 0,
        "durability": "async",
        "on_run_created": created.append,
    }
    outcome = await client.runs.wait(None, "echo", **arguments)
    assert isinstance(outcome, dict)
    [seen] = outcome["items"]
    assert (seen["configurable"]["a"], seen["configurable"]["b"], seen["metadata"]["mine"]) == (1, 2, 1)
    assert created[0]["run_id"] == seen["metadata"]["run_id"]
    assert created[0]["thread_id"] == seen["metadata"]["thread_id"]


# Stream


@pytest.mark.shows("stream_run", "input stream_mode 200")
async def test_stream(client: LangGraphClient, sync_client: SyncLangGraphClient) -> None:
    modes: Any = ["values", "updates"]
    parts = [part async for part in client.runs.stream(None, "simple", input={"foo": 1}, stream_mode=modes)]
    assert [part.event for part in parts] == ["metadata", "values", "updates", "values", "updates", "values"]
    assert parts[-1].data == {"foo": 1, "items": ["a", "b"]}
    again = list(sync_client.runs.stream(None, "simple", input={"foo": 1}, stream_mode=modes))
    assert [(part.event, part.data) for part in again[1:]] == [(part.event, part.data) for part in parts[1:]]


@pytest.mark.shows("stream_run", "stream_mode=messages-tuple")
async def test_a_stream_of_tokens(client: LangGraphClient) -> None:
    stream = client.runs.stream(None, "chat", input=HELLO, stream_mode="messages-tuple")
    tokens = [part.data[0]["content"] async for part in stream if part.event == "messages"]
    assert tokens == ["Hello", " ", "world", "not streamed"]


async def test_a_stream_ends_with_the_error(client: LangGraphClient) -> None:
    parts = [part async for part in client.runs.stream(None, "failing", input={"foo": "value"})]
    assert (parts[-1].event, parts[-1].data) == ("error", {"error": "ValueError", "message": "boom"})


async def test_a_stream_of_subgraphs_in_the_second_form(client: LangGraphClient) -> None:
    stream = client.runs.stream(
        None, "nested", input={"foo": 1}, stream_mode="updates", stream_subgraphs=True, version="v2"
    )
    parts: list[Any] = [part async for part in stream]
    updates = [part for part in parts if part["type"] == "updates"]
    assert [len(part["ns"]) for part in updates] == [1, 0]


async def test_a_stream_tells_its_run(client: LangGraphClient) -> None:
    created: list[Any] = []
    stream = client.runs.stream(None, "simple", input={"foo": 1}, on_run_created=created.append)
    parts = [part async for part in stream]
    assert parts[0].data["run_id"] == created[0]["run_id"]


# In the background


@pytest.mark.shows("create_run", "input 200")
@pytest.mark.shows("join_thread_run", "thread_id run_id 200")
async def test_create_then_join(client: LangGraphClient, sync_client: SyncLangGraphClient) -> None:
    run = await client.runs.create(None, "simple", input={"foo": 1})
    assert run["status"] == "pending"
    assert await client.runs.join(run["thread_id"], run["run_id"]) == {"foo": 1, "items": ["a", "b"]}
    again = sync_client.runs.create(None, "simple", input={"foo": 1}, after_seconds=0)
    assert sync_client.runs.join(again["thread_id"], again["run_id"]) == {"foo": 1, "items": ["a", "b"]}


async def test_create_tells_its_run(client: LangGraphClient) -> None:
    created: list[Any] = []
    run = await client.runs.create(None, "simple", on_run_created=created.append)
    assert created[0]["run_id"] == run["run_id"]


@pytest.mark.shows("create_run", "stream_resumable stream_mode")
@pytest.mark.shows("join_thread_run_stream", "Last-Event-ID stream_mode")
@pytest.mark.parametrize("stream_mode", [None, "values", ["values", "updates"]], ids=str)
async def test_join_stream_replays_a_resumable_run(client: LangGraphClient, stream_mode: Any) -> None:
    modes: Any = ["values", "updates"]
    run = await client.runs.create(None, "simple", input={"foo": 1}, stream_mode=modes, stream_resumable=True)
    await client.runs.join(run["thread_id"], run["run_id"])
    stream = client.runs.join_stream(
        run["thread_id"], run["run_id"], stream_mode=stream_mode, last_event_id="-1", cancel_on_disconnect=False
    )
    seen = [part.event async for part in stream]
    both = ["values", "updates", "values", "updates", "values"]
    assert seen == {"None": ["metadata", *both], "values": ["values"] * 3}.get(str(stream_mode), both)


async def test_join_stream_follows_a_live_run(client: LangGraphClient) -> None:
    delay: Any = 0.1
    run = await client.runs.create(None, "simple", input={"foo": 1}, after_seconds=delay)
    seen = [part.event async for part in client.runs.join_stream(run["thread_id"], run["run_id"])]
    assert seen == ["metadata", "values", "values", "values"]


# Refusals


@pytest.mark.shows("create_run stream_run", "400 404 422")
@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"assistant_id": "unknown"}, UnprocessableEntityError, "unknown"),
        ({"assistant_id": UNKNOWN}, NotFoundError, UNKNOWN),
        ({"stream_mode": "bogus"}, UnprocessableEntityError, "stream_mode"),
        ({"command": {"resume": "yes"}}, BadRequestError, "command.resume"),
    ],
)
async def test_refusals_are_typed_and_say_why(
    client: LangGraphClient, sync_client: SyncLangGraphClient, fields: Any, error: type[Exception], said: str
) -> None:
    arguments = {"assistant_id": "simple", "input": {"foo": 1}, **fields}
    with pytest.raises(error, match=said):
        await client.runs.create(None, **arguments)
    with pytest.raises(error, match=said):
        sync_client.runs.create(None, **arguments)
    with pytest.raises(error, match=said):
        _ = [part async for part in client.runs.stream(None, **arguments)]
