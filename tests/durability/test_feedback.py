"""Links for feedback: any process on a store makes them and takes feedback by them, after a restart as well."""

from __future__ import annotations

import signal

import httpx

from tests.durability.clients import client, create, ended, get
from tests.durability.place import Place
from tests.live import DEADLINE


def scores(http: httpx.Client, run_id: str) -> list[object]:
    """The scores that a run was given."""
    [found] = get(http, run_id)["feedback"]
    return [entry["score"] for entry in found["entries"]]


def test_a_run_of_another_process_has_links_to_where_its_client_was(place: Place) -> None:
    with place.serve(ROLE="api") as asked, place.serve(ROLE="worker"), client(asked) as http:
        run_id = create(http, place.tale(feedback_keys=["helpful"]))
        [link] = ended(http, run_id)["feedback"]
        assert link["url"].startswith(f"{asked.url}/runs/{run_id}/feedback/")
        assert httpx.post(link["url"], json={"score": 1}, timeout=DEADLINE).status_code == 200
        assert scores(http, run_id) == [1]


def test_a_link_outlives_the_server(place: Place) -> None:
    with place.serve() as first, client(first) as http:
        run_id = create(http, place.tale(feedback_keys=["helpful"]))
        [link] = ended(http, run_id)["feedback"]
        assert http.post(link["url"], json={"score": 1}).status_code == 200
        first.stop(signal.SIGKILL)
    with place.serve() as second, client(second) as http:
        assert http.post(httpx.URL(link["url"]).path, json={"score": 2}).status_code == 200
        assert scores(http, run_id) == [1, 2]
        assert get(http, run_id)["feedback"][0]["url"] == link["url"]


def test_another_key_makes_links_invalid(place: Place) -> None:
    with place.serve(TREADLE_SECRET_KEY="old") as first, client(first) as http:
        run_id = create(http, place.tale(feedback_keys=["helpful"]))
        [link] = ended(http, run_id)["feedback"]
    with place.serve(TREADLE_SECRET_KEY="new") as second, client(second) as http:
        assert http.post(httpx.URL(link["url"]).path, json={"score": 2}).status_code == 403
        assert scores(http, run_id) == []
