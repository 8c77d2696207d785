"""A run's delivery to its webhook outlives the process that ended the run, and one process alone sends it."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from tests.cli.processes import Serving
from tests.durability.clients import client, create, ended, get
from tests.durability.place import Place, free_port
from tests.live import DEADLINE, until
from tests.web.hook_receiver import SECRET, Received, receiving

HOOKED = Path(__file__).parent / "hooked.json"


def serving(place: Place, **variables: str) -> AbstractContextManager[Serving]:
    return place.serve(HOOKED, **{"WEBHOOK_SECRET": SECRET, "WEBHOOK_TIMEOUT_SECS": "10", **variables})


def owed(http: httpx.Client, run_id: str) -> Any:
    [delivery] = get(http, run_id)["webhook_deliveries"]
    return delivery


def test_a_server_that_is_killed_before_it_could_send_sends_when_it_is_back(tmp_path: Path) -> None:
    place, port = Place(tmp_path), free_port()
    with serving(place) as server, client(server) as http:
        run_id = create(http, place.tale(steps=2, webhook=f"http://127.0.0.1:{port}/hook"))
        ended(http, run_id)
        failed = until(lambda: delivery if (delivery := owed(http, run_id))["attempts"] else None)
        assert failed["status"] == "pending" and failed["next_attempt_at"] is not None
        server.process.kill()
    with receiving(port) as receiver, serving(place) as server, client(server) as http:
        body = receiver.first(run_id).verified()
        assert (body["status"], body["values"]["told"]) == ("success", 2)
        delivered = until(lambda: each if (each := owed(http, run_id))["status"] == "delivered" else None)
        assert delivered["id"] == failed["id"] == receiver.first(run_id).id
        assert len(delivered["attempts"]) > len(failed["attempts"])


def test_a_server_that_is_killed_while_it_sends_sends_again_under_the_same_id(tmp_path: Path) -> None:
    place, let_go = Place(tmp_path), Event()

    def hang(received: Received) -> tuple[int, Any]:
        let_go.wait(DEADLINE)
        return 200, {}

    with receiving() as receiver:
        receiver.answer = hang
        with serving(place, WEBHOOK_TIMEOUT_SECS=str(DEADLINE)) as server, client(server) as http:
            run_id = create(http, place.tale(webhook=receiver.url))
            receiver.first(run_id)
            server.process.kill()
        let_go.set()
        with serving(place) as server, client(server) as http:
            until(lambda: owed(http, run_id)["status"] == "delivered")
            first, second = receiver.of(run_id)
            assert first.id == second.id and first.verified()["run_id"] == second.verified()["run_id"] == run_id


def test_a_server_that_is_told_to_end_gives_back_what_it_was_sending(place: Place) -> None:
    let_go = Event()

    def hang(received: Received) -> tuple[int, Any]:
        let_go.wait(DEADLINE)
        return 200, {}

    with receiving() as receiver:
        receiver.answer = hang
        with serving(place, WEBHOOK_TIMEOUT_SECS=str(DEADLINE)) as server, client(server) as http:
            run_id = create(http, place.tale(webhook=receiver.url))
            receiver.first(run_id)
            assert server.stop() in (0, -signal.SIGTERM)
        assert place.rows("SELECT status, claim FROM deliveries") == [("pending", None)]
        let_go.set()
        with serving(place) as server, client(server) as http:
            assert owed(http, run_id)["attempts"] == []
            until(lambda: owed(http, run_id)["status"] == "delivered")


def test_two_processes_send_each_once(place: Place) -> None:
    with (
        receiving() as receiver,
        serving(place) as one,
        serving(place) as two,
        client(one) as here,
        client(two) as there,
    ):
        tale = place.tale(webhook=receiver.url)
        run_ids = [create(http, tale) for _ in range(25) for http in (here, there)]
        until(lambda: {owed_status(here, run_id) for run_id in run_ids} == {"delivered"})
        assert sorted(each.body["run_id"] for each in receiver.received) == sorted(run_ids)
        assert len({each.id for each in receiver.received}) == len(run_ids)


def owed_status(http: httpx.Client, run_id: str) -> str | None:
    """The status of the run's delivery; None before the run's end."""
    return next((str(each["status"]) for each in get(http, run_id)["webhook_deliveries"]), None)


def test_those_that_answer_leave_sending_to_those_that_run(place: Place) -> None:
    with receiving() as receiver, serving(place, ROLE="api") as api, client(api) as http:
        run_id = create(http, place.tale(webhook=receiver.url, after_seconds=60))
        assert http.post(f"/runs/{run_id}/cancel").status_code == 202
        waiting = owed(http, run_id)
        assert (waiting["status"], waiting["attempts"], receiver.received) == ("pending", [], [])
        with serving(place, ROLE="all"):
            assert receiver.first(run_id).verified()["status"] == "interrupted"
            until(lambda: owed(http, run_id)["status"] == "delivered")


def test_a_run_that_kills_its_processes_is_sent_in_the_end(place: Place) -> None:
    with receiving() as receiver:
        with serving(place, BG_JOB_MAX_RETRIES="1", LEASE_SECONDS="3") as server, client(server) as http:
            run_id = create(http, {**place.tale(webhook=receiver.url), "assistant_id": "deadly"})
            server.process.wait(DEADLINE)
        with serving(place, BG_JOB_MAX_RETRIES="1", LEASE_SECONDS="3"):
            body = receiver.first(run_id).verified()
            assert (body["status"], body["error"]["error"]) == ("error", "AttemptsExhausted")
