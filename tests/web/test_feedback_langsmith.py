"""Links for feedback where LangSmith has the traces: LangSmith's own, unless it fails, which harms no run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.cli.processes import Serving, serve
from tests.live import DEADLINE, until
from tests.web.calls import Json, accepted, create, detail, ended, names, stream
from tests.web.trace_receiver import TraceReceiver, receiving

KEYS = ["helpful", "a b/ж"]


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    """The stand-in for LangSmith."""
    with receiving() as found:
        yield found


@pytest.fixture
def traced(receiver: TraceReceiver) -> Iterator[Serving]:
    """A server whose runs are traced."""
    with serve(
        "--port",
        "0",
        LANGSMITH_TRACING="true",
        LANGSMITH_ENDPOINT=receiver.url,
        LANGSMITH_API_KEY="x",
        FEEDBACK_TTL_SECONDS=str(49 * 3600),
    ) as process:
        yield process


@pytest.fixture
def http(traced: Serving, receiver: TraceReceiver) -> Iterator[httpx.Client]:
    """A client of that server; LangSmith is well again afterwards."""
    with httpx.Client(base_url=traced.url, timeout=DEADLINE) as client:
        yield client
    receiver.token_answers = None
    receiver.slow.set()


def warnings(traced: Serving, run_id: str) -> list[Any]:
    """The log's lines about links that LangSmith did not make."""
    return [line for line in traced.lines() if line.get("run_id") == run_id and "LangSmith" in str(line.get("event"))]


def is_own(traced: Serving, run: Json) -> bool:
    return all(each["url"].startswith(f"{traced.url}/runs/{run['run_id']}/feedback/") for each in run["feedback"])


def test_the_links_are_langsmiths(http: httpx.Client, receiver: TraceReceiver) -> None:
    name, links, _ = stream(http, "simple", {"foo": 1}, feedback_keys=KEYS)[-1]
    assert name == "feedback"
    assert list(links) == KEYS
    assert all(link.startswith(f"{receiver.url}/feedback/tokens/") for link in links.values())


def test_the_links_stay_with_the_run_that_they_are_for(http: httpx.Client, receiver: TraceReceiver) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=KEYS)["run_id"])
    asked = [token for token in receiver.tokens if token["run_id"] == run["run_id"]]
    assert [token["feedback_key"] for token in asked] == KEYS
    assert [token["expires_in"] for token in asked] == [{"days": 2, "hours": 1, "minutes": 0}] * len(KEYS)
    assert [each["url"] for each in run["feedback"]] == [token["url"] for token in asked]
    assert [each["entries"] for each in run["feedback"]] == [[], []]


def test_the_trace_has_the_id_that_the_links_are_for(http: httpx.Client, receiver: TraceReceiver) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=KEYS)["run_id"])
    until(lambda: run["run_id"] in {each["id"] for each in receiver.traces(run["thread_id"])})


@pytest.mark.parametrize("answers", [500, 403, b"[]", b"nothing"], ids=str)
def test_when_langsmith_fails_the_links_are_our_own(
    http: httpx.Client, traced: Serving, receiver: TraceReceiver, answers: int | bytes
) -> None:
    receiver.token_answers = answers
    events = stream(http, "simple", {"foo": 1}, feedback_keys=KEYS)
    assert names(events)[-1] == "feedback"
    run = detail(http, events[0][1]["run_id"])
    assert (run["status"], is_own(traced, run)) == ("success", True)
    accepted(http.post(run["feedback"][0]["url"], json={"score": 1}))
    assert until(lambda: warnings(traced, run["run_id"]))[0]["level"] == "warning"


def test_when_langsmith_hangs_the_run_does_not(http: httpx.Client, traced: Serving, receiver: TraceReceiver) -> None:
    receiver.slow.clear()
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=KEYS)["run_id"])
    assert (run["status"], is_own(traced, run)) == ("success", True)
    assert not receiver.slow.is_set()


def test_a_run_without_keys_asks_langsmith_for_no_links(http: httpx.Client, receiver: TraceReceiver) -> None:
    run = ended(http, create(http, "simple", {"foo": 1})["run_id"])
    assert run["feedback"] == []
    assert run["run_id"] not in {token["run_id"] for token in receiver.tokens}
