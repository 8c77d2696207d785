"""Tokens of links for feedback, and changes to valid requests with them: no fuzzer guesses a signature."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from itsdangerous import URLSafeTimedSerializer

from tests.contract.server import API_KEY

Json = dict[str, Any]
PATH = "/runs/{run_id}/feedback/{token}"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
KEYS = [f"key {number}" for number in range(20)]


def make_tokens(url: str, assistant: str, given: Json) -> list[str]:
    """Tokens of a run on a server: some to give feedback with; one that takes no more; one of a run that is gone; and
    one that was not signed there.
    """
    full, *others = _links(url, assistant, given)
    with suppress(HTTPError):  # once it takes no more
        while True:
            _call("POST", full, {"score": 1})
    gone, *_ = _links(url, assistant, given)
    _call("DELETE", gone.partition("/feedback/")[0])
    tokens = [link.rpartition("/")[2] for link in (*others, full, gone)]
    return [*tokens, f"{tokens[0]}x"]


def with_run(parameters: Json) -> Json:
    """The path parameters of a valid request, with the run that the token is for."""
    readable, signed = URLSafeTimedSerializer("").loads_unsafe(str(parameters["token"]))
    return {**parameters, "run_id": signed[0]} if readable is not None and signed else parameters


def accepted(media_type: str | None, query: Json | None) -> str:
    """The Accept header of a request: a browser's for each form and for half of the opened links, else `*/*`."""
    opened = media_type is None and len(str(query)) % 2
    return BROWSER if opened or media_type == "application/x-www-form-urlencoded" else "*/*"


def with_something(query: Json) -> Json:
    """The query without a receipt, which no fuzzer guesses, and with a value: the server refuses an empty one (422)."""
    said = {name: value for name, value in query.items() if name != "receipt"}
    return said if any(str(value) for value in said.values()) else {**said, "score": 1}


def _links(url: str, assistant: str, given: Json) -> list[str]:
    # Kept, so that it is there to the end of the fuzzing.
    body = {"assistant_id": assistant, "input": given, "feedback_keys": KEYS, "on_completion": "keep"}
    run_id = _call("POST", f"{url}/runs", body)["run_id"]
    _call("GET", f"{url}/runs/{run_id}/join")
    return [each["url"] for each in _call("GET", f"{url}/runs/{run_id}")["feedback"]]


def _call(method: str, url: str, body: Json | None = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    request = Request(url, content, {"content-type": "application/json", **API_KEY}, method=method)
    with urlopen(request, timeout=30) as response:
        return json.loads(response.read() or b"null")
