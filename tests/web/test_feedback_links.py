"""Links for feedback: their signature, their run, their lifetime and their address."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.live import LiveServer, serving
from tests.web.calls import Json, accepted, create, detail, ended
from tests.web.test_feedback import BOTH, refused, shows, url

pytestmark = pytest.mark.edge


@pytest.fixture
def rated(http: httpx.Client) -> Json:
    """A run that has ended, with a link for `helpful`."""
    return dict(ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"]))


def with_token(run: Json, change: str) -> str:
    """The run's link with another token."""
    base, _, token = url(run).rpartition("/")
    return f"{base}/{change.format(token=token, half=token[:-5])}"


@shows(BOTH, "403")
@pytest.mark.parametrize("change", ["{token}x", "{half}", "junk", "a.b.c", "%00", "é"])
def test_only_what_was_signed_here_is_a_link(http: httpx.Client, rated: Json, change: str) -> None:
    forged = with_token(rated, change)
    answers = [http.post(forged, json={"score": 1}), http.get(forged, params={"score": 1})]
    assert {refused(answer, 403) for answer in answers} == {"The link for feedback is not valid."}
    assert detail(http, rated["run_id"])["feedback"][0]["entries"] == []


def test_a_link_is_one_for_its_run_alone(http: httpx.Client, rated: Json) -> None:
    other = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
    moved = url(rated).replace(rated["run_id"], other["run_id"])
    refused(http.post(moved, json={"score": 1}), 403)
    assert "expired" not in refused(
        http.post(url(rated).replace(rated["run_id"], str(uuid4())), json={"score": 1}), 403
    )


def test_a_link_is_valid_for_its_time_only() -> None:
    now = [1_800_000_000.0]
    with (
        serving(clock=lambda: now[0], feedback_ttl=100.0, run_ttl=1e6) as live,
        live.client() as http,
    ):
        run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
        now[0] += 99
        accepted(http.post(url(run), json={"score": 1}))
        now[0] += 2
        assert "expired" in refused(http.post(url(run), json={"score": 1}), 403)


@pytest.fixture(scope="module")
def public() -> Iterator[LiveServer]:
    """A server that knows where clients reach it, and has a key of its own to sign with."""
    with serving(public_url="https://agents.example.com/base", secret_key="first") as live:
        yield live


def test_links_lead_to_where_the_server_says_it_is(public: LiveServer) -> None:
    with public.client() as http:
        run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
        assert url(run).startswith(f"https://agents.example.com/base/runs/{run['run_id']}/feedback/")
        path = url(run).removeprefix("https://agents.example.com/base")
        accepted(http.post(path, json={"score": 1}))


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"host": "agents.example.com"}, "http://agents.example.com"),
        ({"host": "[::1]:80"}, "http://[::1]:80"),
        ({"host": "agents.example.com", "x-forwarded-proto": "https"}, "https://agents.example.com"),
        ({"host": "a/b?c"}, None),
        ({"host": "user@elsewhere"}, None),
    ],
    ids=lambda value: str(value),
)
def test_links_lead_to_where_the_client_found_the_server(server: LiveServer, headers: Json, base: str | None) -> None:
    with server.client(headers=headers) as http:
        run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
    assert url(run).startswith(f"{base or server.url}/runs/")
