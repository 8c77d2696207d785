"""The examples of the reference: what was sent, and what was answered, as `codegen/examples.json` keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx

import treadle_api.operations as op
from tests.live import EXAMPLES, serving, sse
from tests.reference.scenario import Answers, Json, Request, steps

ADDRESS = "http://127.0.0.1:2024"
"""In place of the server's own, which another run of it would not have."""
TOO_LONG = ("openapi_document",)
"""Operations whose answers nobody wants to read in an example."""
OPERATIONS = {operation.name: operation for operation in op.ALL}

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_TOKEN = re.compile(r"\bWyI[\w.=-]{20,}")  # of a link for feedback: a signed list of texts


def sent(http: httpx.Client, operation: str, request: Request) -> httpx.Response:
    """The answer to a request."""
    row = OPERATIONS[operation]
    path = row.path.format(**request.path)
    return http.request(row.method, path, params=request.query, headers=request.headers, json=request.body)


def captured() -> list[Json]:
    """The exchanges of the scenario with the example graphs."""
    found, answers = [], Answers()
    with serving(EXAMPLES, database_uri="memory://") as live, live.client() as http:
        for step in steps():
            request = step.request(answers)
            response = sent(http, step.operation, request)
            assert response.is_success, f"{step.name}: {response.status_code} {response.text}"
            answer = answer_of(response.content, response.headers.get("content-type", ""), live.url)
            answers[step.name] = answer.get("body")
            parts = {name: getattr(request, name) for name in ("path", "query", "headers", "body")}
            exchange: Json = {"operation": step.operation, **({} if step.is_shown else {"for": step.name})}
            exchange |= {"request": {name: part for name, part in parts.items() if part not in ({}, None)}}
            kept = {"left_out": True} if step.operation in TOO_LONG else answer
            found.append({**exchange, "answer": {"status": response.status_code, **kept}})
    return found


def answer_of(content: bytes, content_type: str, url: str) -> Json:
    """The answer as JSON or as events, with the address in place of the server's own."""
    content = content.replace(url.encode(), ADDRESS.encode())
    if content_type.startswith("text/event-stream"):
        names = ("event", "data", "id")
        events = [dict(zip(names, event, strict=True)) for event in sse(content)]
        return {"events": [{key: value for key, value in each.items() if value is not None} for each in events]}
    return {"body": json.loads(content)} if content else {}


def masked(value: Any) -> Any:
    """The answer without what is another one each time. Ids are numbered, so that the same id stays the same."""
    numbers: dict[str, str] = {}

    def text(found: str) -> str:
        found = _UUID.sub(lambda match: numbers.setdefault(match[0], f"<id {len(numbers)}>"), found)
        return _TOKEN.sub("<token>", _TIME.sub("<time>", found))

    return _mapped(value, text)


def _mapped(value: Any, text: Callable[[str], str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _mapped(part, text, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_mapped(part, text) for part in value]
    if key.rstrip("_").endswith(("_ms", "version")) and value is not None:
        return f"<{key}>"
    return text(value) if isinstance(value, str) else value
