"""Streams: a typed event for each kind, text, output, and the end of a run that failed."""

from __future__ import annotations

from typing import Any

import pytest
from httpx_sse import ServerSentEvent

from treadle_client import RunFailed, Treadle, TreadleError, events
from treadle_client.events import read_event

HELLO = {"messages": [{"role": "user", "content": "hi"}]}


def test_each_kind_of_event_has_a_class(client: Treadle) -> None:
    with client.runs.stream("simple", input={"foo": 1}, stream_mode=["values", "updates", "tasks", "debug"]) as stream:
        assert stream.run_id is not None
        seen = list(stream)
        assert stream.last_event_id == seen[-1].id
    assert isinstance(seen[0], events.Metadata)
    assert seen[0].data.run_id == stream.run_id
    assert {type(event) for event in seen} == {
        events.Metadata,
        events.Values,
        events.Updates,
        events.Tasks,
        events.Debug,
    }
    match seen[-1]:
        case events.Values(data=data) | events.Debug(data=data) | events.Tasks(data=data):
            assert data
        case other:
            pytest.fail(str(other))


def test_custom_and_events_and_checkpoints(client: Treadle) -> None:
    stream = client.runs.stream("slow", input={"seconds": 0}, stream_mode=["custom"])
    assert [type(event) for event in stream] == [events.Metadata, events.Custom]
    stream = client.runs.stream("chat", input=HELLO, stream_mode=["events"])
    assert {type(event) for event in stream} == {events.Metadata, events.Events}
    stream = client.runs.stream("simple", input={"foo": 1}, stream_mode=["checkpoints"], on_completion="keep")
    assert {type(event) for event in stream} == {events.Metadata, events.Checkpoints}


@pytest.mark.parametrize("mode", ["messages-tuple", "messages"])
def test_the_text_of_messages_comes_piece_by_piece(client: Treadle, mode: Any) -> None:
    assert list(client.runs.stream("chat", input=HELLO, stream_mode=mode).text()) == [
        "Hello",
        " ",
        "world",
        "not streamed",
    ]


def test_the_events_of_a_subgraph_have_a_namespace(client: Treadle) -> None:
    stream = client.runs.stream("nested", input={"foo": 1}, stream_mode="updates", stream_subgraphs=True)
    inner = [event.namespace for event in stream if event.namespace]
    assert inner
    assert all(part.partition(":")[2] for namespace in inner for part in namespace)


def test_the_output_is_that_of_the_graph_itself(client: Treadle) -> None:
    stream = client.runs.stream("nested", input={"foo": 1}, stream_subgraphs=True)
    assert stream.output() == client.runs.wait("nested", input={"foo": 1})
    assert client.runs.stream("simple", input={"foo": 1}, stream_mode="updates").output() is None


def test_a_failed_run_is_an_event_and_then_an_exception(client: Treadle) -> None:
    seen: list[events.Event] = []
    with pytest.raises(RunFailed, match="ValueError") as caught:
        for event in client.runs.stream("failing", input={"foo": "value"}):
            seen.append(event)
    assert caught.value.run_id is not None
    assert isinstance(seen[-1], events.Error)
    assert seen[-1].data.error == caught.value.error == "ValueError"


def test_joining_a_run_and_going_on_after_an_event(client: Treadle) -> None:
    run = client.runs.create("simple", input={"foo": 1}, stream_mode=["updates"], stream_resumable=True)
    client.runs.join(run.run_id)
    whole = list(client.runs.join_stream(run.run_id, last_event_id="-1"))
    rest = list(client.runs.join_stream(run.run_id, last_event_id=whole[0].id))
    assert rest == whole[1:]
    assert list(client.runs.join_stream(run.run_id, last_event_id=whole[-1].id)) == []


def test_leaving_a_stream_closes_its_connection(client: Treadle) -> None:
    with client.runs.stream("slow", input={"seconds": 60}, on_disconnect="cancel", stream_mode="custom") as stream:
        for event in stream:
            if isinstance(event, events.Custom):
                break
    assert stream.run_id is not None
    assert client.runs.join(stream.run_id) is not None
    assert client.runs.get(stream.run_id).status == "interrupted"


def test_reading_can_stop_and_go_on(client: Treadle) -> None:
    with client.runs.stream("simple", input={"foo": 1}) as stream:
        for event in stream:
            first = event
            break
        rest = list(stream)
    assert [event.id for event in (first, *rest)] == ["1", "2", "3", "4"]


def test_a_closed_stream_is_not_an_empty_one(client: Treadle) -> None:
    with client.runs.stream("simple", input={"foo": 1}) as stream:
        pass
    with pytest.raises(TreadleError, match="was not read to its end"):
        list(stream)


def test_what_is_unknown_is_kept_and_what_is_wrong_is_named() -> None:
    new = read_event(ServerSentEvent(event="mood|a:1", data='{"x": 1}'))
    assert new == events.UnknownEvent("mood|a:1", {"x": 1}, namespace=("a:1",))
    assert read_event(ServerSentEvent(event="values|a:1|b:2", data="null", id="7")) == events.Values(
        None, namespace=("a:1", "b:2")
    )
    with pytest.raises(ValueError, match=r"Expected `object`, got `array`"):
        read_event(ServerSentEvent(event="updates", data="[]"))
    with pytest.raises(ValueError, match=r"\$\.attempt"):
        read_event(ServerSentEvent(event="metadata", data='{"run_id": "x", "attempt": "one"}'))


def test_what_a_newer_server_says_in_an_event_is_kept() -> None:
    event = read_event(ServerSentEvent("metadata", '{"run_id": "r", "attempt": 1, "region": ["eu"]}'))
    assert isinstance(event, events.Metadata)
    assert event.data.extra == {"region": ["eu"]}
