"""Small projects, one for each shape that public ones have: `treadle serve` runs them as they are."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client

from tests.cli.processes import serve

PROJECTS = Path(__file__).parent.parent / "projects"
Request = dict[str, Any]
OPTIONAL = ("context", "config", "on_completion", "durability")
REQUESTS: dict[str, list[Request]] = {
    name: list(requests)
    for name, requests in groupby(
        json.loads((PROJECTS / "requests.json").read_text()), key=lambda request: str(request["project"])
    )
}
"""The requests to each project, in their order, as the tests of the JavaScript SDK send them too."""


def check(request: Request, answer: Any) -> None:
    """Check that the answer has what is expected."""
    if "last" in request:
        assert answer["messages"][-1]["content"] == request["last"]
    if "interrupted" in request:
        assert [each["value"] for each in answer["__interrupt__"]] == [request["interrupted"]]
    assert {key: answer.get(key) for key in request.get("expected", {})} == request.get("expected", {})


def test_every_project_has_requests() -> None:
    assert set(REQUESTS) == {path.parent.name for path in PROJECTS.glob("*/langgraph.json")}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_project_runs_as_it_is(name: str) -> None:
    with serve("--port", "0", config=PROJECTS / name / "langgraph.json") as process:
        for request in REQUESTS[name]:
            headers = {"authorization": f"Bearer {request['token']}"} if "token" in request else {}
            with get_sync_client(url=process.url, headers=headers) as client:
                optional = {key: request[key] for key in OPTIONAL if key in request}
                answer = client.runs.wait(None, request["graph"], input=request["input"], **optional)
                check(request, answer)
                # With users, the assistant of a graph is nobody's.
                for found in client.assistants.search(graph_id=request["graph"]):
                    assert client.assistants.get_schemas(found["assistant_id"])["graph_id"] == request["graph"]
        if name == "webapp":
            assert httpx.get(f"{process.url}/health").json() == {"open": True}
