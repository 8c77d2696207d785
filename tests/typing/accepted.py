"""What the type checkers must accept, beside the documents. It is checked, and never run."""

from __future__ import annotations

from typing import assert_type

from treadle_client import AsyncTreadle, Treadle, events, results


def runs(client: Treadle) -> None:
    """Results and events have types of their own."""
    assert_type(client.runs.create("agent", input={"a": [1]}, metadata={"b": None}), results.Run)
    assert_type(client.runs.get("id").status == "success", bool)
    with client.runs.stream("agent", stream_mode=["updates", "custom"]) as stream:
        for event in stream:
            if isinstance(event, events.Metadata):
                assert_type(event.data.attempt, int)


def further_keys(client: Treadle, given: dict[str, object]) -> None:
    """A config may have keys that the contract does not name."""
    client.runs.wait("agent", config={"tags": ["a"], "max_concurrency": 2})
    client.runs.wait("agent", config=given)
    client.runs.create_batch([{"assistant_id": "agent", "config": {"max_concurrency": 2}}])
    client.assistants.create("agent", config={"recursion_limit": 9, "max_concurrency": 2})


async def runs_async(client: AsyncTreadle) -> None:
    """The same with coroutines."""
    assert_type(await client.runs.create("agent"), results.Run)
    async with client.runs.stream("agent") as stream:
        assert_type([event async for event in stream], list[events.Event])
