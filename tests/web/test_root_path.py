"""A server under a path of a proxy: locations, links and the served document lead back through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.live import DEADLINE, LiveServer, serving, sse
from tests.web.calls import accepted, create, ended, run_id_of
from tests.web.hook_receiver import HOOKED
from tests.web.keeping import slow_run
from tests.web.prefixing_proxy import PREFIX, PrefixingProxy, prefixing
from treadle.errors import ConfigError
from treadle.keys import keys_in_list
from treadle.web.proxies import fixed_prefix, read_prefix

pytestmark = pytest.mark.edge

RUN: dict[str, Any] = {"assistant_id": "simple", "input": {"foo": 1}}
NAMED = ("X-Forwarded-Prefix", PREFIX)
KINDS: dict[str, tuple[dict[str, Any], bool, list[tuple[str, str]]]] = {
    "setting, path taken off": ({"root_path": PREFIX}, True, []),
    "setting, path passed on": ({"root_path": f"{PREFIX}/"}, False, []),
    "header, path taken off": ({}, True, [NAMED]),
    "header, path passed on": ({}, False, [NAMED]),
    "public URL": ({"public_url": f"https://example.com{PREFIX}"}, True, []),
    "setting before header": ({"root_path": PREFIX}, True, [("X-Forwarded-Prefix", "/other")]),
}


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS), scope="module")
def proxy(request: pytest.FixtureRequest) -> Iterator[PrefixingProxy]:
    """A server behind each kind of proxy."""
    settings, strips, headers = request.param
    with serving(**settings) as live, prefixing(live.url, strips=strips, headers=headers) as started:
        yield started


@pytest.fixture
def http(proxy: PrefixingProxy) -> Iterator[httpx.Client]:
    """A client of the server through the proxy."""
    with httpx.Client(base_url=proxy.url, timeout=DEADLINE) as client:
        yield client


def followed(proxy: PrefixingProxy, response: httpx.Response, name: str) -> httpx.Response:
    """The answer at a location, resolved as HTTP does it."""
    location = response.headers[name]
    assert location.startswith(f"{PREFIX}/")
    return accepted(httpx.get(httpx.URL(proxy.url).join(location), timeout=DEADLINE))


@pytest.mark.parametrize(("path", "names"), [("/runs", 1), ("/runs/wait", 2), ("/runs/stream", 2)])
def test_the_locations_of_a_new_run_lead_to_it(
    proxy: PrefixingProxy, http: httpx.Client, path: str, names: int
) -> None:
    response = accepted(http.post(path, json={**RUN, "on_completion": "keep"}))
    found = [name for name in ("content-location", "location") if name in response.headers]
    assert len(found) == names
    run = followed(proxy, response, "content-location").json()
    assert run["run_id"] == run_id_of(response)
    if names == 2:
        followed(proxy, response, "location")


@pytest.mark.parametrize("path", ["/runs/{run_id}", "/threads/{thread_id}/runs/{run_id}"])
@pytest.mark.parametrize("part", ["join", "stream"])
def test_the_locations_of_a_join_lead_to_it(proxy: PrefixingProxy, http: httpx.Client, path: str, part: str) -> None:
    run = create(http, "simple", {"foo": 1}, on_completion="keep")
    response = accepted(http.get(f"{path.format(**run)}/{part}"))
    assert response.headers["location"] == f"{PREFIX}{path.format(**run)}/{part}"
    assert http.head(f"{path.format(**run)}/{part}").headers["location"] == response.headers["location"]
    followed(proxy, response, "location")
    assert followed(proxy, response, "content-location").json()["run_id"] == run["run_id"]


@pytest.mark.parametrize("path", ["/runs/{run_id}", "/threads/{thread_id}/runs/{run_id}"])
def test_the_locations_of_a_cancelled_run_lead_to_it(proxy: PrefixingProxy, http: httpx.Client, path: str) -> None:
    run = slow_run(http)
    response = accepted(http.post(f"{path.format(**run)}/cancel", params={"wait": "true"}))
    followed(proxy, response, "location")
    assert followed(proxy, response, "content-location").json()["run_id"] == run["run_id"]


def test_links_for_feedback_lead_back(proxy: PrefixingProxy, http: httpx.Client) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
    link = run["feedback"][0]["url"]
    path = httpx.URL(link).path
    assert path.startswith(f"{PREFIX}/runs/{run['run_id']}/feedback/")
    assert accepted(httpx.get(f"{proxy.origin}{path}", params={"score": 1})).json()["score"] == 1


def test_the_document_names_the_path(http: httpx.Client) -> None:
    assert accepted(http.get("/openapi.json")).json()["servers"] == [{"url": PREFIX}]


@pytest.mark.parametrize("path", ["/nowhere", "/ok/", f"{PREFIX * 3}/ok", f"{PREFIX}x/ok", ""])
def test_any_other_path_is_none(proxy: PrefixingProxy, path: str) -> None:
    response = httpx.get(f"{proxy.url}{path}")
    assert response.status_code == 404
    assert "location" not in response.headers


MODES: dict[str, Any] = {"stream_mode": ["values", "updates"], "stream_resumable": True}
GIVEN: dict[str, Any] = {"input": {"foo": 1}, "on_completion": "keep"}
COMES_BACK = pytest.mark.filterwarnings("ignore:Request failed, attempting reconnect")
OF_EACH_KIND = pytest.mark.parametrize(
    "proxy",
    [KINDS["setting, path passed on"], KINDS["header, path taken off"]],
    ids=["passed on", "off"],
    indirect=True,
)


def run_that_has_ended(proxy: PrefixingProxy) -> tuple[str, str]:
    """The ids of the thread and of a resumable run."""
    with httpx.Client(base_url=proxy.url, timeout=DEADLINE) as http:
        run = create(http, "simple", {"foo": 1}, on_completion="keep", **MODES)
        ended(http, run["run_id"])
    proxy.paths.clear()
    return run["thread_id"], run["run_id"]


def came_back(proxy: PrefixingProxy) -> bool:
    """Whether a client came back after a connection broke; it puts the path of its own URL before `Location`."""
    return proxy.cuts == [] and any(path.startswith(f"{PREFIX}{PREFIX}/threads/") for path in proxy.paths)


@pytest.mark.anyio
@COMES_BACK
@OF_EACH_KIND
async def test_the_asynchronous_sdk_comes_back_through_the_proxy(proxy: PrefixingProxy) -> None:
    ids = run_that_has_ended(proxy)
    async with get_client(url=proxy.url) as client:
        proxy.cuts[:] = [0]
        assert (await client.runs.wait(None, "simple", **GIVEN))["foo"] == 1  # type: ignore[call-overload]
        assert came_back(proxy)
        proxy.cuts[:] = [150]
        parts = [part.event async for part in client.runs.join_stream(*ids, last_event_id="-1")]
        assert (parts.count("metadata"), parts[-1]) == (1, "values")
        assert came_back(proxy)
        proxy.cuts[:] = [150]
        parts = [part.event async for part in client.runs.stream(None, "simple", **GIVEN, **MODES)]
        assert (parts.count("metadata"), parts[-1], proxy.cuts) == (1, "values", [])


@COMES_BACK
@OF_EACH_KIND
def test_the_synchronous_sdk_comes_back_through_the_proxy(proxy: PrefixingProxy) -> None:
    ids = run_that_has_ended(proxy)
    with get_sync_client(url=proxy.url) as client:
        proxy.cuts[:] = [0]
        assert client.runs.wait(None, "simple", **GIVEN)["foo"] == 1  # type: ignore[call-overload]
        assert came_back(proxy)
        proxy.cuts[:] = [150]
        parts = [part.event for part in client.runs.join_stream(*ids, last_event_id="-1")]
        assert (parts.count("metadata"), parts[-1]) == (1, "values")
        assert came_back(proxy)
        proxy.cuts[:] = [150]
        parts = [part.event for part in client.runs.stream(None, "simple", **GIVEN, **MODES)]
        assert (parts.count("metadata"), parts[-1], proxy.cuts) == (1, "values", [])


# Headers that are not believed


@pytest.fixture(scope="module")
def plain() -> Iterator[LiveServer]:
    """A server without a path of its own."""
    with serving() as live:
        yield live


@pytest.mark.parametrize(
    "prefix",
    [
        "agents",
        "//evil.example",
        "/a//b",
        "/a?b",
        "/a#b",
        "/a b",
        "/../a",
        "/a/.",
        "/a%2fb",
        "/a\\b",
        "https://evil.example/a",
        "/a,/b",
        "/é",
        "/" + "x" * 101,
        "/a" * 21,
        "/runs",
        "/threads/a",
        "/ok",
        "/a\t/b",
        "/a;b",
        '/a"b',
        "/<a>",
    ],
)
def test_a_header_that_names_no_path_is_not_heeded(plain: LiveServer, prefix: str) -> None:
    headers = [(b"x-forwarded-prefix", prefix.encode("latin-1"))]
    response = accepted(httpx.post(f"{plain.url}/runs/wait", json=RUN, headers=headers))
    assert response.headers["location"].startswith("/threads/")
    assert read_prefix(prefix) is None
    document = httpx.get(f"{plain.url}/openapi.json", headers=headers).json()
    assert document["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("prefix", ["", "/"])
def test_a_header_that_names_nothing_is_none(plain: LiveServer, prefix: str) -> None:
    response = accepted(httpx.post(f"{plain.url}/runs/wait", json=RUN, headers={"x-forwarded-prefix": prefix}))
    assert response.headers["location"].startswith("/threads/")


def test_two_headers_are_none(plain: LiveServer) -> None:
    headers = [("x-forwarded-prefix", "/a"), ("x-forwarded-prefix", "/b")]
    response = accepted(httpx.post(f"{plain.url}/runs/wait", json=RUN, headers=headers))
    assert response.headers["location"].startswith("/threads/")


@pytest.mark.parametrize(
    ("trusted", "believed"),
    [("127.0.0.1", True), ("*", True), ("10.0.0.1, 127.0.0.0/8", True), ("10.0.0.1", False), ("", False)],
)
def test_only_trusted_proxies_are_believed(trusted: str, believed: bool) -> None:
    with serving(trusted_proxies=trusted) as live:
        headers = {"x-forwarded-prefix": PREFIX, "x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.1"}
        body = {**RUN, "feedback_keys": ["helpful"]}
        response = accepted(httpx.post(f"{live.url}/runs/stream", json=body, headers=headers))
        link = sse(response.content)[-1][1]["helpful"]
    assert response.headers["location"].startswith(PREFIX) == believed
    assert link.startswith(f"https://{httpx.URL(live.url).netloc.decode()}{PREFIX}/runs/") == believed


def test_a_client_whose_proxy_forwards_it_cannot_become_one() -> None:
    """`X-Forwarded-For` names a trusted address; it is the proxy that has to be trusted."""
    with serving(trusted_proxies="10.0.0.1") as live:
        headers = {"x-forwarded-prefix": PREFIX, "x-forwarded-for": "10.0.0.1"}
        response = accepted(httpx.post(f"{live.url}/runs/wait", json=RUN, headers=headers))
    assert response.headers["location"].startswith("/threads/")


# Together with keys, links and webhooks


def test_keys_are_asked_for_below_the_path() -> None:
    keys = keys_in_list("test", "ana=secret")
    with serving(root_path=PREFIX, api_keys=keys) as live:
        for base in (live.url, f"{live.url}{PREFIX}"):
            assert httpx.get(f"{base}/ok").status_code == httpx.head(f"{base}/ok").status_code == 200
            assert httpx.get(f"{base}/info").status_code == 401
            assert httpx.get(f"{base}/info", headers={"x-api-key": "secret"}).status_code == 200
            assert httpx.get(f"{base}{PREFIX * 2}/ok").status_code == (401 if base.endswith(PREFIX) else 200)
            assert httpx.get(f"{base}/ok/x").status_code == 401
        body = {**RUN, "feedback_keys": ["helpful"]}
        run_id = run_id_of(httpx.post(f"{live.url}/runs/wait", json=body, headers={"x-api-key": "secret"}))
        run = httpx.get(f"{live.url}/runs/{run_id}", headers={"x-api-key": "secret"}).json()
        assert accepted(httpx.get(run["feedback"][0]["url"], params={"score": 1}))


def test_a_server_with_a_path_answers_without_it_too() -> None:
    with serving(root_path=PREFIX) as live:
        response = accepted(httpx.post(f"{live.url}/runs/wait", json={**RUN, "on_completion": "keep"}))
        assert accepted(httpx.get(f"{live.url}{response.headers['content-location']}")).json()["status"] == "success"


def test_a_public_url_decides_of_links_alone_if_there_is_a_path_as_well() -> None:
    with serving(root_path="/inside", public_url="https://example.com/outside") as live:
        body = {**RUN, "feedback_keys": ["helpful"]}
        response = accepted(httpx.post(f"{live.url}/runs/stream", json=body))
    assert response.headers["location"].startswith("/inside/runs/")
    assert sse(response.content)[-1][1]["helpful"].startswith("https://example.com/outside/runs/")


def test_a_root_path_that_is_a_slash_leaves_nothing_to_proxies() -> None:
    with serving(root_path="/", public_url="https://example.com/outside") as live:
        headers = {"x-forwarded-prefix": PREFIX}
        response = accepted(httpx.post(f"{live.url}/runs/wait", json=RUN, headers=headers))
    assert response.headers["location"].startswith("/threads/")


@pytest.mark.parametrize("webhook", ["/runs", f"{PREFIX}/runs"])
def test_a_webhook_to_the_server_itself_needs_no_path(webhook: str) -> None:
    with serving(HOOKED, root_path=PREFIX) as live, live.client() as http:
        run = ended(http, create(http, "simple", {"foo": 1}, webhook=webhook)["run_id"])
        [delivery] = run["webhook_deliveries"]
        assert delivery["url"] == webhook


@pytest.mark.parametrize("value", ["agents", "//x", "/runs", "/a b", "/a/../b"])
def test_a_setting_that_is_no_path_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"TREADLE_ROOT_PATH=.*such as /agents"):
        fixed_prefix(value, None)
    with pytest.raises(ConfigError, match=r"TREADLE_PUBLIC_URL=.*such as /agents"):
        fixed_prefix(None, f"https://example.com/{value.lstrip('/')} /")
