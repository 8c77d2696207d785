"""Bugs of all operations, of assistants, items and feedback, and of reading requests, to be planted (planted.py)."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tests.contract.exchange import JSON, Exchange, Request, changed, failed, without, without_header
from tests.contract.server import API_KEY

ASSISTANT = r"POST /assistants"
SEARCH = r"POST /assistants/search"
COUNT = r"POST /assistants/count"
PUT_ITEM = r"PUT /store/items"
KEY = b"x-api-key"


def text_error(sent: Exchange) -> Exchange:
    """Failures are plain text."""
    if sent.status < 400:
        return sent
    return replace(sent, headers=sent.headers | {b"content-type": b"text/plain"}, body=b"Unprocessable")


def error_without_detail(sent: Exchange) -> Exchange:
    """Failures have another form than the contract's."""
    return failed(sent, sent.status, {"error": "invalid"}) if sent.status >= 400 else sent


def all_404(sent: Exchange) -> Exchange:
    """Nothing is ever found, and every request is well refused."""
    return failed(sent, 404, {"detail": "Not Found"}) if "runs" in sent.path else sent


def accepts_anything(sent: Exchange) -> Exchange:
    """Invalid requests are accepted."""
    return replace(sent, status=200, body=b"null") if sent.status == 422 else sent


def no_challenge(sent: Exchange) -> Exchange:
    """A request without a key is refused, and not told how to send one."""
    return without_header(sent, b"www-authenticate")


def no_methods(sent: Exchange) -> Exchange:
    """A method that there is not is refused without the ones that there are."""
    return without_header(sent, b"allow")


def method_not_found(sent: Exchange) -> Exchange:
    """A method that there is not is a 404."""
    return failed(sent, 404, {"detail": "Not Found"}) if sent.status == 405 else sent


def total_missing(sent: Exchange) -> Exchange:
    """A page of assistants does not say how many there are."""
    return without_header(sent, b"x-pagination-total") if sent.answers(SEARCH) else sent


def assistant_without_time(sent: Exchange) -> Exchange:
    """A created assistant has lost `updated_at`."""
    return without(sent, "updated_at") if sent.answers(ASSISTANT) else sent


def graph_is_null(sent: Exchange) -> Exchange:
    """An assistant that was found has no graph."""
    return changed(sent, lambda all_: [each | {"graph_id": None} for each in all_]) if sent.answers(SEARCH) else sent


def count_as_text(sent: Exchange) -> Exchange:
    """A number is sent as a text."""
    return changed(sent, str) if sent.answers(COUNT) else sent


def item_put_with_body(sent: Exchange) -> Exchange:
    """An item that was put is answered with 200 and null."""
    return replace(sent, status=200, headers=sent.headers | JSON, body=b"null") if sent.answers(PUT_ITEM) else sent


def page_cut(sent: Exchange) -> Exchange:
    """A page ends in its middle."""
    page = sent.headers.get(b"content-type", b"").startswith(b"text/html")
    return replace(sent, body=sent.body[: len(sent.body) // 2]) if page else sent


def enum_unchecked(request: Request) -> Request:
    """`on_completion` may be anything."""
    return _read(request, lambda run: run | {"on_completion": "keep"} if "on_completion" in run else run)


def field_not_required(request: Request) -> Request:
    """A run that names no assistant runs the first one."""
    return _read(request, lambda run: {"assistant_id": "agent", **run})


def key_not_asked(request: Request) -> Request:
    """The server takes requests without a key."""
    return replace(request, headers=request.headers | {KEY: API_KEY["x-api-key"].encode()})


def deletion_forgotten(request: Request) -> Request:
    """A deleted run stays: its deletion is taken for a question (and answered by `deletion_told`)."""
    deletes = request.method == "DELETE" and request.path.startswith("/runs/")
    return replace(request, method="GET") if deletes else request


def deletion_told(sent: Exchange) -> Exchange:
    """The deletion that was not done is answered as one that was."""
    forgotten = sent.method == "DELETE" and sent.status == 200 and sent.path.startswith("/runs/")
    return replace(sent, status=204, headers={}, body=b"") if forgotten else sent


def _read(request: Request, change: Any) -> Request:
    """The request, if it creates a run, with another body."""
    body: Any = None
    if request.method == "POST" and request.path in ("/runs", "/runs/wait", "/runs/stream"):
        with suppress(ValueError):
            body = json.loads(request.body)
    return replace(request, body=json.dumps(change(body)).encode()) if isinstance(body, dict) else request


OTHER_BUGS = (
    text_error,
    error_without_detail,
    all_404,
    accepts_anything,
    no_challenge,
    no_methods,
    method_not_found,
    total_missing,
    assistant_without_time,
    graph_is_null,
    count_as_text,
    item_put_with_body,
    page_cut,
)
DEAFNESSES = (enum_unchecked, field_not_required, key_not_asked, deletion_forgotten)
