"""The reference as a page: to whom it is served, and what its headers let it do."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

import treadle_api.operations as op
from tests.live import GRAPHS, serving
from tests.web.html_pages import BROWSER, page
from treadle.keys import keys_in_list

pytestmark = pytest.mark.edge
KEY = "key-of-ana-0123456789"
HEALTHY = '{"ok":true,"services":{}}'


def test_the_page_shows_every_operation(http: httpx.Client) -> None:
    shown = page(http, "GET", "/docs")
    assert shown.status == 200
    ids = {attributes.get("id") for attributes in shown.all("article")}
    assert ids >= {operation.name for operation in op.ALL}


def test_the_page_is_small_and_loads_nothing(http: httpx.Client) -> None:
    response = http.get("/docs")
    assert len(response.content) < 200_000
    shown = page(http, "GET", "/docs")
    assert shown.all("img", "link", "iframe", "object", "embed", "base") == []
    assert [attributes for attributes in shown.all("script", "style") if attributes] == []
    addresses = {attributes.get("href") or "" for attributes in shown.all("a")}
    assert {address for address in addresses if not address.startswith("#")} == {"openapi.json"}
    assert "@import" not in response.text
    assert "url(" not in response.text


def test_the_policy_allows_its_own_script_and_style_and_requests_to_this_server(http: httpx.Client) -> None:
    response = http.get("/docs")
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for element in ("script", "style"):
        [content] = re.findall(rf"<{element}>(.*?)</{element}>", response.text, re.DOTALL)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert policy[f"{element}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"<[^>]* (on\w+|style)=", response.text)
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_page_is_the_generated_one(http: httpx.Client) -> None:
    assert http.get("/docs").content == files("treadle_api").joinpath("reference.html").read_bytes()
    head = http.head("/docs")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 100_000


@pytest.mark.parametrize("path", ["/docs", "/"])
def test_another_method_is_refused(http: httpx.Client, path: str) -> None:
    response = http.post(path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_browsers_are_led_to_the_page(http: httpx.Client, method: str) -> None:
    response = http.request(method, "/", headers={"accept": BROWSER})
    assert (response.status_code, response.content) == (303, b"")
    assert response.headers["location"] == "/docs"
    assert "Accept" in response.headers["vary"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_other_clients_are_told_that_the_server_is_there(http: httpx.Client, accept: str) -> None:
    response = http.get("/", headers={"accept": accept})
    assert (response.status_code, response.text) == (200, HEALTHY)
    assert response.headers["content-type"] == "application/json"


def test_the_page_needs_no_key_and_what_it_sends_does() -> None:
    with serving(api_keys=keys_in_list("TREADLE_API_KEYS", f"ana={KEY}")) as live, live.client() as http:
        assert http.get("/docs").status_code == 200
        assert http.head("/docs").status_code == 200
        assert http.get("/", headers={"accept": BROWSER}).status_code == 303
        assert http.get("/").text == HEALTHY
        for method, path in (("POST", "/docs"), ("GET", "/docs/"), ("GET", "/openapi.json"), ("POST", "/runs/stream")):
            assert http.request(method, path).status_code == 401, path


def test_below_a_prefix_browsers_are_led_to_the_page_there() -> None:
    with serving(root_path="/agents") as live, live.client() as http:
        assert http.get("/", headers={"accept": BROWSER}).headers["location"] == "/agents/docs"
        for path in ("/docs", "/agents/docs"):
            assert http.get(path).status_code == 200


def configured(folder: Path, section: dict[str, object]) -> Path:
    """A project with this `http` section."""
    graphs = {"simple": f"{GRAPHS.with_name('graphs_under_test.py')}:simple"}
    config = folder / "langgraph.json"
    config.write_text(json.dumps({"graphs": graphs, "http": section}))
    return config


@pytest.mark.parametrize("switch", ["disable_store", "disable_runs", "disable_assistants", "disable_threads"])
def test_closed_operations_are_not_shown(tmp_path: Path, switch: str) -> None:
    with serving(configured(tmp_path, {switch: True})) as live, live.client() as http:
        ids = {attributes.get("id") for attributes in page(http, "GET", "/docs").all("article")}
        paths = http.get("/openapi.json").json()["paths"]
        for operation in op.ALL:
            assert (operation.name in ids) == (operation.method.lower() in paths.get(operation.path, {}))


def test_there_is_no_page_where_the_document_is_closed(tmp_path: Path) -> None:
    with serving(configured(tmp_path, {"disable_meta": True})) as live, live.client() as http:
        for path in ("/docs", "/"):
            assert http.get(path, headers={"accept": BROWSER}).status_code == 404
