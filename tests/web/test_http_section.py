"""The section `http` of `langgraph.json`: CORS, a prefix, headers for graphs and for the log, closed operations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import GRAPHS, LiveServer, serving
from tests.web.test_custom_app import served
from treadle.errors import ConfigError
from treadle.graphs.config import read_config

pytestmark = pytest.mark.edge

ONE, OTHER = {"origin": "https://one.example"}, {"origin": "https://other.example"}
PREFLIGHT = {"access-control-request-method": "POST"}
RUN: dict[str, Any] = {"assistant_id": "agent", "input": {}}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server with a section about CORS and headers."""
    with serving(GRAPHS.with_name("custom.json")) as live:
        yield live


def test_the_origins_of_the_section_may_call(http: httpx.Client) -> None:
    allowed = http.get("/ok", headers=ONE).headers
    assert allowed["access-control-allow-origin"] == "https://one.example"
    assert allowed["access-control-allow-credentials"] == "true"
    assert "content-location" in allowed["access-control-expose-headers"]
    assert "access-control-allow-origin" not in http.get("/ok", headers=OTHER).headers
    assert http.options("/runs", headers={**ONE, **PREFLIGHT}).status_code == 400  # it allows GET alone
    assert (
        http.options("/runs", headers={**ONE, "access-control-request-method": "GET"}).headers["access-control-max-age"]
        == "5"
    )


def test_every_parameter_of_cors(tmp_path: Path) -> None:
    cors = {
        "allow_origin_regex": r"https://.*\.example",
        "allow_methods": ["POST"],
        "allow_headers": ["x-mine"],
        "expose_headers": ["x-more"],
    }
    with served(tmp_path, {"cors": cors}) as http:
        preflight = {**ONE, **PREFLIGHT, "access-control-request-headers": "x-mine"}
        assert http.options("/runs", headers=preflight).status_code == 200
        refused = {**preflight, "access-control-request-headers": "x-other"}
        assert http.options("/runs", headers=refused).status_code == 400
        assert "x-more" in http.get("/ok", headers=ONE).headers["access-control-expose-headers"]


def test_an_empty_section_allows_no_origin_and_the_environment_comes_first(tmp_path: Path) -> None:
    with served(tmp_path, {"cors": {}}) as http:
        assert "access-control-allow-origin" not in http.get("/ok", headers=ONE).headers
    with served(tmp_path, {"cors": {}}, cors_allow_origins=("https://one.example",)) as http:
        assert http.get("/ok", headers=ONE).headers["access-control-allow-origin"] == "https://one.example"


def test_headers_reach_the_graph_and_bodies_cannot_forge_them(http: httpx.Client) -> None:
    def said(body: dict[str, Any], headers: dict[str, str]) -> Any:
        return http.post("/runs/wait", json={**RUN, **body}, headers=headers).json()["said"].get("x-user")

    assert said({}, {"X-User": "ana"}) == "ana"
    assert said({"config": {"configurable": {"x-user": "eve"}}}, {}) is None
    assert said({"context": {"x-user": "eve"}}, {"x-user": "ana"}) == "ana"
    made = http.post("/assistants", json={"graph_id": "agent", "context": {"x-user": "eve"}}).json()
    assert said({"assistant_id": made["assistant_id"]}, {}) is None


def test_an_excluded_header_stays_outside(http: httpx.Client) -> None:
    run = http.post("/runs", json=RUN, headers={"x-api-key": "secret", "x-user": "ana"}).json()
    configurable = run["kwargs"]["config"]["configurable"]
    assert (configurable.get("x-api-key"), configurable["x-user"]) == (None, "ana")


def test_a_prefix(tmp_path: Path) -> None:
    with served(tmp_path, {"mount_prefix": "/agents/one"}) as http:
        run = http.post("/agents/one/runs", json=RUN)
        assert run.headers["content-location"] == f"/agents/one/runs/{run.json()['run_id']}"
        assert http.get(run.headers["content-location"]).status_code == 200
        assert http.get("/ok").status_code == 200


def test_what_is_about_the_server_can_be_closed(tmp_path: Path) -> None:
    with served(tmp_path, {"disable_meta": True}) as http:
        assert [http.get(path).status_code for path in ("/ok", "/info", "/openapi.json")] == [200, 404, 404]


def test_webhooks_can_be_closed(tmp_path: Path) -> None:
    with served(tmp_path, {"disable_webhooks": True}) as http:
        refused = http.post("/runs", json={**RUN, "webhook": "https://hooks.example/"})
        assert (refused.status_code, refused.json()["detail"][:8]) == (422, "webhook:")
        assert http.post("/runs", json=RUN).status_code == 200


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"app": "app.py"}, "http.app must be"),
        ({"cors": []}, "http.cors must be an object"),
        ({"cors": {"allow_origin": "*"}}, "http.cors.allow_origin is unknown; there are: allow_origins"),
        ({"cors": {"allow_origins": "*"}}, "http.cors.allow_origins must be a list"),
        ({"cors": {"max_age": "x"}}, "http.cors.max_age must be a number"),
        ({"middleware_order": "last"}, "http.middleware_order must be middleware_first or auth_first"),
        ({"configurable_headers": []}, "http.configurable_headers must be an object"),
        ({"configurable_headers": {"includes": "x-*"}}, "http.configurable_headers.includes must be a list"),
        ({"logging_headers": {"excludes": [5]}}, "http.logging_headers.excludes must be a list"),
        ({"enable_custom_route_auth": "yes"}, "http.enable_custom_route_auth must be true or false"),
        ({"mount_prefix": 5}, "http.mount_prefix must be a text"),
        ({"disable_everything": True}, "http.disable_everything is not supported"),
    ],
)
def test_what_is_wrong_with_the_section_is_one_line(tmp_path: Path, section: dict[str, Any], said: str) -> None:
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"graphs": {"agent": "./agent.py:graph"}, "http": section}))
    with pytest.raises(ConfigError) as refusal:
        read_config(config)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)
