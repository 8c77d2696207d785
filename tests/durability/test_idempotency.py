"""`Idempotency-Key` where several processes share a store, and where they are killed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import httpx
import pytest

from tests.cli.processes import Serving, serve
from tests.databases import POSTGRES_PARAM
from tests.durability.clients import client, ended, ids, numbered
from tests.durability.place import GRAPHS, Place, a_place
from tests.live import DEADLINE, sse, until
from tests.web.calls import accepted, run_id_of

KEY = {"idempotency-key": "one and the same"}
RUNS = "SELECT run_id FROM runs"


def ids_of(replies: list[httpx.Response]) -> set[str]:
    """The ids of the runs in the answers."""
    found: set[str] = set()
    for reply in replies:
        accepted(reply)
        found |= {run_id_of(reply)} if "content-location" in reply.headers else {run["run_id"] for run in reply.json()}
    return found


@dataclass(frozen=True)
class Shared:
    """A store, and the URLs of the servers that share it."""

    place: Place
    urls: list[str]


@pytest.fixture(scope="module", params=["workers", "servers", POSTGRES_PARAM])
def shared(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Shared]:
    """Two processes on one file, behind one port or each at its own; or two on one database."""
    folder = tmp_path_factory.mktemp("place")
    with a_place(folder, "postgresql" if request.param == "postgresql" else "sqlite") as place:
        if request.param == "workers":
            with serve("--workers", "2", "--port", "0", config=GRAPHS, **place.settings()) as both:
                yield Shared(place, [both.url])
        else:
            with place.serve() as one, place.serve() as other:
                yield Shared(place, [one.url, other.url])


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/runs/stream", "/runs/batch"])
async def test_of_a_hundred_at_the_same_instant_one_creates_a_run(shared: Shared, path: str) -> None:
    place, key, before = shared.place, {"idempotency-key": path}, shared.place.rows(RUNS)
    tale = place.tale(steps=10, pause=0.05, stream_mode=["values", "custom"])
    body: Any = [tale, tale] if path == "/runs/batch" else tale
    # A connection for each request: any process may get it.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=DEADLINE, limits=limits) as http:
        targets = [url for url, _ in zip(cycle(shared.urls), range(100), strict=False)]
        replies = await asyncio.gather(*(http.post(url + path, json=body, headers=key) for url in targets))
    created = ids_of(replies)
    assert created == {run_id for (run_id,) in place.rows(RUNS) if (run_id,) not in before}
    assert len(created) == (2 if path == "/runs/batch" else 1)
    assert sum("idempotent-replayed" in reply.headers for reply in replies) == 99
    if path == "/runs/wait":
        assert all(reply.json()["told"] == 10 for reply in replies)
    if path == "/runs/stream":
        assert {reply.content for reply in replies} == {replies[0].content}
        assert ids(sse(replies[0].content)) == numbered(13)
    until(lambda: created <= {note.run_id for note in place.notes(what="ended")})
    assert all(len(place.notes(run_id, "started")) == 1 for run_id in created)


def cut(place: Place, server: Serving, path: str, body: dict[str, Any]) -> str:
    """Send a request with the key, and leave as soon as its run is under way; the run's id."""
    with client(server) as http, http.stream("POST", path, json=body, headers=KEY) as reply:
        return until(lambda: place.notes(run_id_of(reply), "started"))[0].run_id


@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/runs/stream"])
def test_a_key_survives_kill_9(place: Place, path: str) -> None:
    """The run begins again after the kill, and the repeated request gets its outcome."""
    body = place.tale(steps=4, pause=0.5, stream_mode="values")
    with place.serve(LEASE_SECONDS="3") as server:
        run_id = cut(place, server, path, body)
        server.stop(signal.SIGKILL)
    with place.serve(LEASE_SECONDS="3") as server, client(server) as http:
        reply = accepted(http.post(path, json=body, headers=KEY))
        assert run_id_of(reply) == run_id
        assert reply.headers["idempotent-replayed"] == "true"
        run = ended(http, run_id)
        assert (run["status"], run["attempts"], run["values"]["told"]) == ("success", 2, 4)
        if path == "/runs/wait":
            assert reply.json() == run["values"]
        if path == "/runs/stream":
            assert sse(reply.content)[-1][1] == run["values"]
        # The key also survives another kill, after the run's end.
        server.stop(signal.SIGKILL)
    with place.serve(LEASE_SECONDS="3") as server, client(server) as http:
        assert run_id_of(accepted(http.post(path, json=body, headers=KEY))) == run_id
        assert http.post(path, json={**body, "metadata": {"a": 1}}, headers=KEY).status_code == 409
    assert len(place.notes(what="started")) == 2
    assert place.rows(RUNS) == [(run_id,)]


@pytest.mark.parametrize("path", ["/runs/wait", "/runs/stream"])
def test_another_process_answers_a_repeated_request(place: Place, path: str) -> None:
    """Every event once, whether the run is still under way or not."""
    body = place.tale(steps=10, pause=0.1, stream_mode=["values", "custom"])
    with place.serve() as one, place.serve() as other, client(other) as http:
        run_id = cut(place, one, path, body)
        for _ in range(2):
            reply = accepted(http.post(path, json=body, headers=KEY))
            assert run_id_of(reply) == run_id
            if path == "/runs/wait":
                assert reply.json()["told"] == 10
            else:
                events = sse(reply.content)
                assert ids(events) == numbered(13)
                assert [data["step"] for name, data, _ in events if name == "custom"] == list(range(10))
    assert len(place.notes(what="started")) == 1


def test_a_key_whose_time_is_over_leaves_the_store(place: Place) -> None:
    body = place.tale()
    with place.serve(IDEMPOTENCY_TTL_SECONDS="1", RUN_TTL_SECONDS="1") as server, client(server) as http:
        run_id = run_id_of(accepted(http.post("/runs/wait", json=body, headers=KEY)))
        until(lambda: place.rows("SELECT count(*) FROM idempotency_keys") == [(0,)])
        assert run_id_of(accepted(http.post("/runs/wait", json=body, headers=KEY))) != run_id
