"""`GET /runs/{run_id}/stream`: following a run live, and reading a resumable one again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import released
from tests.live import serving, sse, until
from tests.web.calls import accepted, create, detail, ended, names, run_id_of, until_status

HELLO = {"messages": [{"role": "user", "content": "hi"}]}
MODES = ["values", "updates", "custom"]
FAR_FUTURE = ["99999", "9" * 30, "9" * 5000]
JUNK = ["bogus", "1.5", "-2", "1e3", "\N{ARABIC-INDIC DIGIT ONE}".encode()]


def ids(response: httpx.Response) -> list[int]:
    """The ids of the events in a response."""
    return [int(event_id or 0) for _, _, event_id in sse(accepted(response).content)]


def replay(http: httpx.Client, run_id: str, last: Any = "-1", query: str = "") -> httpx.Response:
    """The stream of a run after an event id."""
    return accepted(http.get(f"/runs/{run_id}/stream{query}", headers={"last-event-id": last}))


# Live


def test_a_pending_run_gives_everything_from_metadata_on(http: httpx.Client) -> None:
    run_id = create(http, "simple", {"foo": 1}, after_seconds=0.15)["run_id"]
    events = sse(accepted(http.get(f"/runs/{run_id}/stream")).content)
    assert events[0] == ("metadata", {"run_id": run_id, "attempt": 1}, None)
    assert names(events) == ["values"] * 3


class Held:
    """A running run that has sent metadata (1), values (2) and custom (3), and waits to be released."""

    def __init__(self, http: httpx.Client, *, resumable: bool) -> None:
        self.name = str(uuid4())
        body = {"assistant_id": "held", "input": {"foo": self.name}, "stream_mode": MODES}
        self.live = http.stream("POST", "/runs/stream", json={**body, "stream_resumable": resumable})
        self.first = self.live.__enter__()
        self.run_id = run_id_of(self.first)
        self.chunks = self.first.iter_bytes()
        self.seen = b""
        while b'"held"' not in self.seen:
            self.seen += next(self.chunks)

    def release(self) -> bytes:
        """Let the run end; everything that its first follower got."""
        released.add(self.name)
        self.seen += b"".join(self.chunks)
        self.live.__exit__(None, None, None)
        return self.seen


@pytest.fixture(params=[True, False], ids=["resumable", "not resumable"])
def held(http: httpx.Client, request: pytest.FixtureRequest) -> Iterator[Held]:
    """A running run in the middle of its events."""
    run = Held(http, resumable=request.param)
    yield run
    run.release()


@pytest.mark.parametrize("last", [None, "", *FAR_FUTURE, *JUNK], ids=lambda text: str(text)[:6])
def test_by_default_a_running_run_is_followed_from_now_on(http: httpx.Client, held: Held, last: Any) -> None:
    """Without an id, with a future one and with junk alike: no replay, and no new event is lost."""
    headers = {} if last is None else {"last-event-id": last}
    with http.stream("GET", f"/runs/{held.run_id}/stream", headers=headers) as response:
        held.release()
        events = sse(response.read())
    assert [name for name, _, _ in events] == ["updates", "values"]


@pytest.mark.shows("join_run_stream", "Last-Event-ID")
@pytest.mark.shows("stream_run", "stream_resumable")
@pytest.mark.parametrize(("last", "missed"), [("-1", 3), ("0", 3), ("1", 2), ("3", 0)])
def test_a_resumable_run_goes_on_after_an_id(http: httpx.Client, last: str, missed: int) -> None:
    held = Held(http, resumable=True)
    with http.stream("GET", f"/runs/{held.run_id}/stream", headers={"last-event-id": last}) as response:
        held.release()
        events = sse(response.read())
    assert [int(event_id or 0) for _, _, event_id in events] == list(range(4 - missed, 6))


@pytest.mark.parametrize("last", ["-1", "0", "1"])
def test_a_run_that_is_not_resumable_is_never_replayed(http: httpx.Client, last: str) -> None:
    held = Held(http, resumable=False)
    with http.stream("GET", f"/runs/{held.run_id}/stream", headers={"last-event-id": last}) as response:
        held.release()
        assert [name for name, _, _ in sse(response.read())] == ["updates", "values"]


def test_all_who_follow_get_the_same_bytes(http: httpx.Client) -> None:
    held = Held(http, resumable=True)
    headers = {"last-event-id": "-1"}
    with (
        http.stream("GET", f"/runs/{held.run_id}/stream", headers=headers) as one,
        http.stream("GET", f"/runs/{held.run_id}/stream", headers=headers) as other,
    ):
        original = held.release()
        assert one.read() == other.read() == original


def test_the_stream_names_itself(http: httpx.Client) -> None:
    run_id = create(http, "simple", {"foo": 1})["run_id"]
    response = http.get(f"/runs/{run_id}/stream")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["location"] == f"/runs/{run_id}/stream"
    assert response.headers["content-location"] == f"/runs/{run_id}"


# After the end


@pytest.fixture(scope="module")
def finished() -> Iterator[tuple[httpx.Client, str, bytes]]:
    """A client, a resumable run that has ended, and the bytes of its live stream."""
    body = {"assistant_id": "chat", "input": HELLO, "stream_resumable": True}
    with serving() as live, live.client() as client:
        response = accepted(
            client.post("/runs/stream", json={**body, "stream_mode": ["values", "updates", "messages"]})
        )
        yield client, run_id_of(response), response.content


Finished = tuple[httpx.Client, str, bytes]


@pytest.mark.shows("join_run_stream", "Last-Event-ID 200")
@pytest.mark.parametrize("last", ["-1", "0"])
def test_a_replay_is_the_live_stream_byte_for_byte(finished: Finished, last: str) -> None:
    http, run_id, content = finished
    assert replay(http, run_id, last).content == content


@pytest.mark.parametrize("last", [1, 2, 9, 11])
def test_a_replay_after_an_id_is_the_rest(finished: Finished, last: int) -> None:
    """Ids are numbers: after 9 comes 10."""
    http, run_id, content = finished
    everything = [event_id for _, _, event_id in sse(content)]
    assert everything == [str(number) for number in range(1, len(everything) + 1)]
    assert ids(replay(http, run_id, str(last))) == list(range(last + 1, len(everything) + 1))


@pytest.mark.parametrize("last", [None, "", *FAR_FUTURE, *JUNK], ids=lambda text: str(text)[:6])
def test_otherwise_a_finished_stream_is_empty(finished: Finished, last: Any) -> None:
    http, run_id, _ = finished
    response = http.get(f"/runs/{run_id}/stream", headers={} if last is None else {"last-event-id": last})
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("last", ["-1", "0", "1"])
def test_the_buffer_of_a_run_that_is_not_resumable_is_gone(http: httpx.Client, last: str) -> None:
    run_id = create(http, "simple", {"foo": 1})["run_id"]
    ended(http, run_id)
    assert replay(http, run_id, last).content == b""


@pytest.mark.parametrize("graph", ["failing", "asking"])
def test_a_failed_or_interrupted_run_is_replayed_too(http: httpx.Client, graph: str) -> None:
    body = {"assistant_id": graph, "input": {"foo": "value"}, "stream_resumable": True}
    response = http.post("/runs/stream", json=body)
    assert replay(http, run_id_of(response)).content == response.content


@pytest.mark.shows("create_run", "stream_resumable")
def test_a_background_run_is_replayed_too(http: httpx.Client) -> None:
    run_id = create(http, "simple", {"foo": 1}, stream_resumable=True)["run_id"]
    ended(http, run_id)
    assert ids(replay(http, run_id)) == [1, 2, 3, 4]


def test_a_buffer_is_freed_before_the_outcome_is() -> None:
    with serving(resumable_ttl=2.0) as live, live.client() as http:
        run_id = create(http, "simple", {"foo": 1}, stream_resumable=True)["run_id"]
        ended(http, run_id)
        assert replay(http, run_id).content
        until(lambda: replay(http, run_id).content == b"")
        assert detail(http, run_id)["status"] == "success"


# stream_mode


@pytest.mark.shows("join_run_stream", "stream_mode stream_mode=values,updates,messages")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"metadata", "values", "updates", "messages/metadata", "messages/partial", "messages/complete"}),
        (
            "?stream_mode=",
            {"metadata", "values", "updates", "messages/metadata", "messages/partial", "messages/complete"},
        ),
        ("?stream_mode=values", {"values"}),
        ("?stream_mode=messages", {"messages/metadata", "messages/partial", "messages/complete"}),
        ("?stream_mode=values&stream_mode=updates", {"values", "updates"}),
        ("?stream_mode=values,updates", {"values", "updates"}),
        ("?stream_mode=" + json.dumps(["values", "updates"]), {"values", "updates"}),
        ("?stream_mode=" + json.dumps(["values"]) + "&stream_mode=updates", {"values", "updates"}),
        ("?stream_mode=debug", set()),
    ],
)
def test_stream_mode_selects_events_in_every_form_of_list(finished: Finished, query: str, expected: set[str]) -> None:
    http, run_id, content = finished
    events = sse(replay(http, run_id, "-1", query).content)
    assert {name for name, _, _ in events} == expected
    assert events == [event for event in sse(content) if event[0] in expected]


def test_stream_mode_selects_events_of_subgraphs_too(http: httpx.Client) -> None:
    fields: dict[str, Any] = {"stream_mode": MODES, "stream_subgraphs": True, "stream_resumable": True}
    run_id = create(http, "nested", {"foo": 1}, **fields)["run_id"]
    ended(http, run_id)
    seen = [name for name, _, _ in sse(replay(http, run_id, "-1", "?stream_mode=updates").content)]
    assert [name.partition(":")[0] for name in seen] == ["updates|child", "updates"]


def test_stream_mode_selects_live_events_too(http: httpx.Client) -> None:
    run_id = create(http, "simple", {"foo": 1}, stream_mode=MODES, after_seconds=0.1)["run_id"]
    response = accepted(http.get(f"/runs/{run_id}/stream?stream_mode=updates"))
    assert [name for name, _, _ in sse(response.content)] == ["updates", "updates"]


@pytest.mark.shows("join_run_stream", "422")
@pytest.mark.parametrize("value", ["bogus", '["bogus"]', "values,bogus", "VALUES", "[", "[1]", "{}", "metadata"])
def test_an_unknown_mode_is_refused_by_name(finished: Finished, value: str) -> None:
    http, run_id, _ = finished
    response = http.get(f"/runs/{run_id}/stream", params={"stream_mode": value})
    assert response.status_code == 422
    assert "stream_mode" in response.json()["detail"]


def test_one_unknown_mode_among_several_is_refused(finished: Finished) -> None:
    http, run_id, _ = finished
    assert http.get(f"/runs/{run_id}/stream?stream_mode=bogus&stream_mode=values").status_code == 422


# Many


def test_followers_come_and_go_and_miss_nothing(http: httpx.Client) -> None:
    """Reconnecting after every event, as a client on a bad line does."""
    fields = {"stream_mode": "custom", "stream_resumable": True}
    run_id = create(http, "pouring", {"count": 20, "size": 1, "pause": 0.005}, **fields)["run_id"]
    until_status(http, run_id, "running")
    got: list[int] = []
    while len(got) < 21:
        last = str(got[-1] if got else 0)
        with http.stream("GET", f"/runs/{run_id}/stream", headers={"last-event-id": last}) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if content.endswith(b"\r\n\r\n"):
                    break
        got += [int(event_id or 0) for _, _, event_id in sse(content)]
    assert got == list(range(1, 22))
