"""Requests that are sent again: those that are safe, with pauses, and each run exists once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.client.both import KINDS
from tests.client.unreliable import PAGE, Fault, Line, unreliable
from tests.live import LiveServer, serving
from treadle_client import (
    APIConnectionError,
    APIStatusError,
    ContentTooLargeError,
    NotFoundError,
    ServiceUnavailableError,
    Treadle,
    UnexpectedAnswer,
)
from treadle_client.retries import pause

EITHER = pytest.mark.parametrize("kind", KINDS)
BUSY: list[Fault] = ["busy"] * 9
FAULTS: list[Fault] = ["lost on the way", "answer lost", "answer cut", "busy", "gateway"]


@pytest.fixture(scope="module")
def marked() -> Iterator[LiveServer]:
    """A server whose graph leaves a mark of each run."""
    with serving(Path(__file__).with_name("langgraph.json")) as live:
        yield live


def runs_with(client: Treadle, mark: str) -> int:
    """How many runs have left this mark in the store."""
    return len(client.store.search_items(namespace_prefix=["marks", mark], limit=1000).items)


@EITHER
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", ["create", "wait", "stream", "create_batch"])
def test_a_create_is_sent_again_and_its_run_exists_once(marked: LiveServer, kind: str, fault: Fault, way: str) -> None:
    mark, line = str(uuid4()), Line(fault)
    given = {"mark": mark}
    with unreliable(kind, marked.url, line) as client:
        if way == "create":
            client.runs.join(client.runs.create("marking", input=given).run_id)
        elif way == "wait":
            client.runs.wait("marking", input=given)
        elif way == "stream":
            client.runs.stream("marking", input=given).output()
        else:
            [run] = client.runs.create_batch([{"assistant_id": "marking", "input": given}])
            client.runs.join(run.run_id)
        assert runs_with(client, mark) == 1
    first, second, *_ = line.tried
    assert first.url.path == second.url.path
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


@EITHER
def test_reading_and_deleting_are_sent_again(server: LiveServer, kind: str) -> None:
    line = Line(None, "answer lost", "busy")
    with unreliable(kind, server.url, line) as client:
        run = client.runs.create("simple", input={"foo": 1})
        assert client.runs.get(run.run_id).run_id == run.run_id
        client.runs.join(run.run_id)
        line.faults = ["answer lost"]
        client.runs.delete(run.run_id)  # the second attempt finds nothing, since the first deleted it
        with pytest.raises(NotFoundError):
            client.runs.delete(run.run_id)


@EITHER
def test_a_run_is_asked_for_again_if_the_kept_connection_was_just_closed(server: LiveServer, kind: str) -> None:
    """Else the end of a stream that a proxy has cut would look like the end of the run."""
    with unreliable(kind, server.url, line := Line(None, "answer lost")) as client:
        stream = client.runs.stream("simple", input={"foo": 1})
        assert stream.output() is not None
    assert [request.url.path for request in line.tried[1:]] == [f"/runs/{stream.run_id}"] * 2


@EITHER
def test_what_is_not_safe_is_sent_once(marked: LiveServer, kind: str) -> None:
    with unreliable(kind, marked.url, line := Line("answer lost")) as client:
        with pytest.raises(APIConnectionError, match="ReadError"):
            client.assistants.create(graph_id="marking")
        assert len(line.tried) == 1
        line.faults = ["busy"]
        with pytest.raises(ServiceUnavailableError, match="shutting down"):
            client.assistants.create(graph_id="marking")
        line.faults = ["lost on the way"]  # the server has not seen it
        assert client.assistants.create(graph_id="marking").graph_id == "marking"


@EITHER
def test_the_last_fault_is_raised_when_attempts_are_used_up(server: LiveServer, kind: str) -> None:
    with unreliable(kind, server.url, line := Line(*BUSY)) as client:
        with pytest.raises(ServiceUnavailableError):
            client.runs.wait("simple", input={"foo": 1})
        assert len(line.tried) == 3
        with pytest.raises(ServiceUnavailableError):
            client.runs.wait("simple", input={"foo": 1}, max_retries=0)
        assert len(line.tried) == 4
        with pytest.raises(ServiceUnavailableError):
            client.with_options(max_retries=1).runs.get(str(uuid4()))
        assert len(line.tried) == 6
        line.faults = BUSY.copy()
        with pytest.raises(ServiceUnavailableError):
            client.runs.stream("simple", input={"foo": 1}, max_retries=0).output()
        assert len(line.tried) == 7


@EITHER
def test_the_page_of_a_gateway_is_its_status_and_its_text(server: LiveServer, kind: str) -> None:
    with unreliable(kind, server.url, Line("page"), max_retries=0) as client:
        with pytest.raises(ContentTooLargeError) as refused:
            client.runs.wait("simple")
        assert refused.value.detail == PAGE
    with unreliable(kind, server.url, Line("gateway"), max_retries=0) as client:
        with pytest.raises(APIStatusError, match="502: <html>") as other:
            client.runs.wait("simple")
        assert type(other.value) is APIStatusError


def test_pauses_grow_and_the_server_may_ask_for_one() -> None:
    assert [0.5 <= pause(attempt) / min(0.5 * 2**attempt, 8) <= 1 for attempt in range(9)] == [True] * 9
    assert pause(10_000) <= 8

    def asked(value: str) -> float:
        return pause(0, httpx.Response(503, headers={"retry-after": value}))

    assert (asked("7"), asked("3.0"), asked("86400")) == (7, 3, 60)
    assert 20 < asked(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)) <= 30
    assert all(asked(odd) <= 0.5 for odd in ("soon", "-1", ""))


def answering(**answer: Any) -> Treadle:
    """A client whose server gives this answer to everything."""
    transport = httpx.MockTransport(lambda _: httpx.Response(**answer))
    return Treadle("http://odd", http_client=httpx.Client(transport=transport), max_retries=0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status_code": 200, "text": PAGE}, "the answer is no JSON"),
        ({"status_code": 200, "json": {"run_id": 5}}, r"Expected `str`, got `int` - at `\$\.run_id`"),
        ({"status_code": 200, "json": {"run_id": "x"}}, "missing required field `thread_id`"),
        ({"status_code": 200, "json": []}, "Expected `object`, got `array`"),
        ({"status_code": 204}, "it has no document"),
        ({"status_code": 202}, "it has no document"),
    ],
    ids=["page", "type", "missing", "list", "204", "202"],
)
def test_an_answer_that_is_not_the_contracts_says_where(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=said) as caught:
        answering(**answer).runs.create("simple")
    assert f"POST /runs, status {answer['status_code']}" in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_answer() -> None:
    assert answering(status_code=200, content=b'\xef\xbb\xbf{"foo": "\xc5\xbe"}').runs.wait("simple") == {"foo": "ž"}


def test_a_stream_that_is_none_says_so() -> None:
    client = answering(status_code=200, text=PAGE, headers={"content-type": "text/html"})
    with pytest.raises(UnexpectedAnswer, match="text/html, not text/event-stream"), client.runs.stream("simple"):
        pass
