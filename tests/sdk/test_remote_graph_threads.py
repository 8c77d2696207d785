"""`RemoteGraph` reads the thread that a kept run has left, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph_sdk.errors import NotFoundError

from tests.sdk.remote_graphs import RemoteGraphs

pytestmark = pytest.mark.anyio
RESULT = {"foo": 1, "items": ["a", "b"]}
UNKNOWN = "00000000-0000-0000-0000-000000000000"


async def kept(remote: RemoteGraphs, graph: str) -> Any:
    """The config that names the thread of a kept run."""
    created: list[Any] = []
    await remote.invoke(graph, {"foo": 1}, on_completion="keep", on_run_created=created.append)
    run: Any = remote.sync_client.http.get(f"/runs/{created[0]['run_id']}")
    return {"configurable": {"thread_id": run["thread_id"]}}


async def test_the_state_of_a_kept_run_is_read(remote: RemoteGraphs) -> None:
    config = await kept(remote, "simple")
    state = await remote.state("simple", config)
    assert (state.values, state.next, state.metadata["step"]) == (RESULT, (), 2)
    assert state.config["configurable"]["thread_id"] == config["configurable"]["thread_id"]
    assert state.parent_config is not None


async def test_an_earlier_state_is_read_by_its_checkpoint(remote: RemoteGraphs) -> None:
    config = await kept(remote, "simple")
    _, earlier, *_ = await remote.history("simple", config)
    assert await remote.state("simple", earlier.config) == earlier
    names = ("thread_id", "checkpoint_id")
    by_id: Any = {"configurable": {name: earlier.config["configurable"][name] for name in names}}
    assert await remote.state("simple", by_id) == earlier


async def test_an_open_interrupt_is_read(remote: RemoteGraphs) -> None:
    state = await remote.state("asking", await kept(remote, "asking"))
    assert state.next == ("ask",)
    assert [item.value for item in state.interrupts] == [{"question": "sure?"}]


async def test_the_state_of_a_subgraph_is_read_if_asked_for(remote: RemoteGraphs) -> None:
    state = await remote.state("nested_asking", await kept(remote, "nested_asking"), subgraphs=True)
    assert state.tasks[0].state.next == ("ask",)


async def test_the_history_of_a_kept_run_is_read(remote: RemoteGraphs) -> None:
    config = await kept(remote, "simple")
    history = await remote.history("simple", config)
    assert [state.next for state in history] == [(), ("second",), ("first",), ("__start__",)]
    assert await remote.history("simple", config, limit=2) == history[:2]
    assert await remote.history("simple", config, before=history[0].config) == history[1:]
    assert await remote.history("simple", config, filter={"step": 1}) == [history[1]]


async def test_the_history_of_a_failed_run_has_its_error(remote: RemoteGraphs) -> None:
    run: Any = remote.sync_client.runs.create(None, "failing", input={"foo": "value"}, on_completion="keep")
    remote.sync_client.runs.join(run["thread_id"], run["run_id"])
    newest, *_ = await remote.history("failing", {"configurable": {"thread_id": run["thread_id"]}})
    assert str(newest.tasks[0].error) == "ValueError('boom')"


async def test_an_unknown_thread_is_not_found(remote: RemoteGraphs) -> None:
    config: Any = {"configurable": {"thread_id": UNKNOWN}}
    with pytest.raises(NotFoundError, match=UNKNOWN):
        await remote.history("simple", config)
    with pytest.raises(NotFoundError, match=UNKNOWN):
        await remote.state("simple", config)
