"""The package by itself: what it loads, and what it sends for each form of a field."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from treadle_client import Treadle, params


def loaded(program: str) -> set[str]:
    """The packages that a program has loaded at its end."""
    program += "\nimport sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_client_needs_nothing_of_the_server() -> None:
    packages = loaded("import treadle_client, treadle_client.webhooks")
    assert {"httpx", "httpx_sse", "msgspec"} <= packages
    assert not packages & {"treadle", "treadle_api", "pydantic", "starlette", "langgraph", "codegen", "dateutil"}
    assert not packages & {"attr", "anyio", "cattrs"}, "these are loaded by the first call that needs them"


def sent(**fields: Any) -> dict[str, Any]:
    """The body of a request with these fields."""
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        Treadle("http://here", http_client=http).runs.wait("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", **fields)
    return bodies[0]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"input": {"messages": [{"role": "user"}], "n": 2**60 + 1}},
        {"input": None},
        {"input": [1.5, "žluť \u2028", False]},
        {"metadata": {"a": {"b": None}}, "context": {"user": 1}},
        {"config": {"tags": ["a"], "recursion_limit": 7, "configurable": {"x": None}, "max_concurrency": 2}},
        {"command": params.Command(update={"a": 1}, goto=["a", "b"])},
        {"command": params.Command(goto=[params.Send(node="n", input={"x": [1]}), "b"])},
        {"command": None},
        {"stream_mode": ["values", "custom"]},
        {"stream_mode": "updates"},
        {"after_seconds": 5},
        {"feedback_keys": ["good"]},
    ],
    ids=str,
)
def test_plain_data_is_sent_unchanged_and_nothing_else(fields: dict[str, Any]) -> None:
    """The server sets the defaults: a default in a PATCH would overwrite a value that the caller leaves alone."""
    assert sent(**fields) == {"assistant_id": "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", **fields}
