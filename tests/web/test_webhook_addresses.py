"""Addresses of webhooks: a forbidden address is refused in every spelling, at create and again when it is sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import LiveServer, serving, until
from tests.web.calls import accepted, create, detail
from tests.web.creating import EVERY, PATHS, Creator
from tests.web.hook_receiver import HOOKED, SECRET, receiving

pytestmark = pytest.mark.edge

NAMES: dict[str, list[str]] = {
    "public.test": ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"],
    "private.test": ["10.0.0.5"],
    "mixed.test": ["93.184.216.34", "127.0.0.1"],
    "mapped.test": ["::ffff:169.254.169.254"],
    "scoped.test": ["fe80::1%eth0"],
    "localhost": ["127.0.0.1"],
    "nat64.test": ["64:ff9b::5db8:d822"],
    "nat64-private.test": ["64:ff9b::a9fe:a9fe"],
}


async def resolve(host: str, port: int) -> Sequence[str]:
    """Resolve the names of these tests; read spellings of addresses as the system does."""
    if (name := host.rstrip(".")) in NAMES:
        return NAMES[name]
    try:
        return [str(IPv4Address(socket.inet_aton(name)))]
    except OSError:
        raise OSError("its name cannot be resolved") from None


@pytest.fixture(scope="module")
def strict() -> Iterator[LiveServer]:
    """A server without a `webhooks` section."""
    with serving(resolve=resolve) as live:
        yield live


@pytest.fixture
def http(strict: LiveServer) -> Iterator[httpx.Client]:
    with strict.client() as client:
        yield client


def refusal(http: httpx.Client, url: str) -> str:
    """The text of the refusal of a webhook."""
    response = http.post("/runs", json={"assistant_id": "simple", "after_seconds": 60, "webhook": url})
    assert response.status_code == 422, f"{url} was accepted"
    detail = str(response.json()["detail"])
    assert detail.startswith("webhook: "), detail
    return detail


FORBIDDEN = (Path(__file__).parent / "forbidden_hosts.txt").read_text("utf-8").split()
"""Hosts that may not be called, a spelling a line; names that `resolve` knows among them."""
URLS = [f"http://{host}/hook" for host in FORBIDDEN]
URLS += [f"https://{host}:8443" for host in ("127.0.0.1", "10.1", "localhost", "private.test", "[::1]")]
ODD = [
    "ftp://public.test/x",
    "file:///etc/passwd",
    "gopher://public.test/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "HTTP:public.test",
    "http:///x",
    "http://",
    "https://",
    "//public.test/x",
    "/ok",
    "/",
    "relative",
    "not a url",
    "http://public.test:0/",
    "http://public.test:99999/",
    "http://public.test:-1/",
    "http://public.test:port/",
    "http://[bad",
    "http://[::1",
    "http://[]/",
    "http://user@public.test/",
    "http://user:word@public.test/",
    "http://@public.test/",
    "http://public.test\\@127.0.0.1/",
    "http://127.0.0.1\\.public.test/",
    "http://public.test#@127.0.0.1 /",
    " http://public.test/",
    "http://public.test/\r\nx: y",
    "http://public.test/\x00",
    "http://public.test\t/",
    "http://%31%32%37.0.0.1/",
    "http://127。0。0。1/",
    "http://１２７.0.0.1/",
    "http://①②⑦.0.0.1/",
    "http://ⓛocalhost/",
    "http://.public.test/",
    "http://public..test/",
    "http://-/",
    "http://" + "a" * 300 + ".test/",
    "http://public.test/" + "x" * 4096,
    "http://\udcff.test/".encode("utf-8", "replace").decode(),
]


def test_there_are_enough_spellings() -> None:
    assert len(set(URLS)) > 100


@pytest.mark.parametrize("url", [*URLS, *ODD], ids=lambda url: url[:60])
def test_what_may_not_be_called_is_refused(http: httpx.Client, url: str) -> None:
    refusal(http, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://public.test/hook",
        "https://public.test",
        "HTTPS://PUBLIC.TEST:8443/a?b=c#d",
        "https://public.test/a%20b",
        "http://93.184.216.34/",
        "http://[2606:4700:4700::1111]/",
        "https://nat64.test/",
    ],
)
def test_what_is_public_is_accepted(http: httpx.Client, url: str) -> None:
    run = create(http, "simple", {"foo": 1}, after_seconds=60, webhook=url)
    assert run["kwargs"]["webhook"] == url
    # The run is not deleted: its end would call the host.
    assert detail(http, run["run_id"])["webhook_deliveries"] == []


@pytest.mark.shows(EVERY, "webhook 422")
@pytest.mark.parametrize("operation", PATHS)
def test_every_create_refuses_it_by_name(http: httpx.Client, operation: str) -> None:
    response = Creator(http, operation).post("simple", {"foo": 1}, webhook="http://169.254.169.254/latest")
    assert response.status_code == 422
    assert "webhook: 169.254.169.254 is an address that is not public" in response.json()["detail"]


def test_what_a_name_leads_to_is_not_told(http: httpx.Client) -> None:
    """Clients must not be able to map a network by asking."""
    assert "10.0.0.5" not in refusal(http, "http://private.test/")


def test_a_name_that_leads_elsewhere_later_is_not_followed() -> None:
    """Each attempt looks its address up once, checks it, and calls that address."""
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    with (
        receiving() as receiver,
        serving(resolve=rebinding) as live,
        live.client() as http,
    ):
        run = create(http, "simple", {"foo": 1}, webhook=f"http://rebinding.test:{receiver.port}/")
        attempts = until(lambda: [a for d in detail(http, run["run_id"])["webhook_deliveries"] for a in d["attempts"]])
        assert attempts[0]["error"] == "rebinding.test leads to a loopback address, which may not be called"
        assert receiver.received == []


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """There is no second look-up: only the check can resolve this name, and the receiver still sees it."""

    async def only_here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    with (
        receiving() as receiver,
        serving(HOOKED, resolve=only_here) as live,
        live.client() as http,
    ):
        run_id = create(http, "simple", {"foo": 1}, webhook=f"http://only-here.test:{receiver.port}/x")["run_id"]
        assert receiver.first(run_id).headers["host"] == f"only-here.test:{receiver.port}"


# The section of langgraph.json


def configured(folder: Path, section: Any) -> Path:
    document = json.loads(HOOKED.read_text())
    document["graphs"] = {"simple": str(HOOKED.parent / "graphs_under_test.py") + ":simple"}
    path = folder / "langgraph.json"
    path.write_text(json.dumps({**document, "webhooks": section}))
    return path


URL = {"disable_loopback": False, "require_https": False}
SECTIONS: list[tuple[Any, list[str], list[str]]] = [
    ({}, ["https://public.test/"], ["http://public.test/", "/ok", "https://127.0.0.1/"]),
    ({"url": {"require_https": False}}, ["http://public.test/"], ["http://127.0.0.1/", "/ok"]),
    ({"url": {"disable_loopback": False}}, ["https://127.0.0.1/", "/ok"], ["http://127.0.0.1/", "//public.test/"]),
    ({"url": URL}, ["http://localhost/", "http://[::1]/"], ["http://10.0.0.1/", "http://0.0.0.0/", "http://metadata/"]),
    (
        {"url": {"allowed_domains": ["public.test", "*.Example.TEST"]}},
        ["https://public.test/", "https://PUBLIC.test./"],
        ["https://example.test/", "https://x.public.test/", "https://93.184.216.34/", "https://badexample.test/"],
    ),
    ({"url": {"allowed_ports": [443, 8443]}}, ["https://public.test:8443/"], ["https://public.test:444/"]),
    ({"url": {"max_url_length": 22}}, ["https://public.test/ab"], ["https://public.test/abc"]),
]


@pytest.mark.parametrize(
    ("section", "accepted_urls", "refused_urls"), SECTIONS, ids=lambda value: json.dumps(value)[:40]
)
def test_the_configuration_says_what_may_be_called(
    tmp_path: Path, section: Any, accepted_urls: list[str], refused_urls: list[str]
) -> None:
    with (
        serving(configured(tmp_path, section), resolve=resolve, shutdown_grace=0) as live,
        live.client() as http,
    ):
        for url in accepted_urls:
            body = {
                "assistant_id": "simple",
                "after_seconds": 60,
                "webhook": url.replace("public.test.", "public.test"),
            }
            accepted(http.post("/runs", json=body))
        for url in refused_urls:
            refusal(http, url)


def test_headers_of_the_configuration_are_filled_in_and_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LG_WEBHOOK_TOKEN", "abc")
    section = {"url": URL, "headers": {"Authorization": "Bearer ${{ env.LG_WEBHOOK_TOKEN }}", "X-Plain": "a b"}}
    with (
        receiving() as receiver,
        serving(configured(tmp_path, section), webhook_secret=SECRET) as live,
        live.client() as http,
    ):
        received = receiver.first(create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"])
        assert (received.headers["authorization"], received.headers["x-plain"]) == ("Bearer abc", "a b")
        assert received.verified() == received.body
