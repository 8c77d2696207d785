"""A server that lies: the real application, with one thing changed in its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.contract.exchange import Bug, Exchange, changed, failed, in_stream


class Liar:
    """An application whose answers are changed by the lie of the moment; without a lie they stay as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.lie: Bug | None = None
        self.hears: Callable[[Any], Any] | None = None
        """Changes the JSON of requests, which the server then acts on."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lie = self.lie
        if scope["type"] != "http" or (lie is None and self.hears is None):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        leaving = False

        async def heard() -> Message:
            nonlocal leaving
            message = await receive()
            body = message.get("body", b"")
            # To a client that means to leave, an answer is sent as it comes.
            leaving = leaving or b'"on_disconnect": "cancel"' in body
            return {**message, "body": self._heard(body)} if body else message

        async def keep(message: Message) -> None:
            if leaving:
                await send(message)
            else:
                messages.append(message)

        await self._app(scope, heard, keep)
        if leaving:
            return
        headers = {name: value for name, value in messages[0]["headers"] if name != b"content-length"}
        body = b"".join(message.get("body", b"") for message in messages[1:])
        sent = Exchange(scope["method"], scope["path"], messages[0]["status"], headers, body, scope["query_string"])
        sent = lie(sent) if lie is not None else sent
        await send({"type": "http.response.start", "status": sent.status, "headers": list(sent.headers.items())})
        endless = lie is never_ends and sent.streams
        await send({"type": "http.response.body", "body": sent.body, "more_body": endless})
        while endless and (await receive())["type"] != "http.disconnect":
            pass

    def _heard(self, body: bytes) -> bytes:
        """A body as the server hears it. Bodies are small, and come in one message."""
        if self.hears is None:
            return body
        try:
            return json.dumps(self.hears(json.loads(body))).encode()
        except ValueError:
            return body


def deaf_to(field: str) -> Callable[[Any], Any]:
    """Requests without a field: the server accepts it and does nothing with it."""

    def heard(body: Any) -> Any:
        if isinstance(body, list):
            return [heard(each) for each in body]
        return {name: value for name, value in body.items() if name != field} if isinstance(body, dict) else body

    return heard


def wrong_status(sent: Exchange) -> Exchange:
    """A created run is answered with 201."""
    return replace(sent, status=201) if sent.creates and sent.path == "/runs" else sent


def missing_header(sent: Exchange) -> Exchange:
    """No answer has Content-Location."""
    return replace(sent, headers={name: value for name, value in sent.headers.items() if name != b"content-location"})


def wrong_order(sent: Exchange) -> Exchange:
    """The first two events change places."""
    blocks = sent.body.split(b"\r\n\r\n")
    return replace(sent, body=b"\r\n\r\n".join([blocks[1], blocks[0], *blocks[2:]])) if sent.streams else sent


def metadata_missing(sent: Exchange) -> Exchange:
    """A stream begins with the first event of the graph."""
    return replace(sent, body=sent.body.partition(b"\r\n\r\n")[2]) if sent.creates and sent.streams else sent


def ids_repeated(sent: Exchange) -> Exchange:
    """The second event has the id of the first."""
    return in_stream(sent, rb"id: 2\r\n", b"id: 1\r\n")


def event_without_end(sent: Exchange) -> Exchange:
    """The blank line behind the last event is missing."""
    return replace(sent, body=sent.body.removesuffix(b"\r\n")) if sent.streams else sent


def never_ends(sent: Exchange) -> Exchange:
    """A stream stays open after its last event."""
    return sent


def lost_field(sent: Exchange) -> Exchange:
    """A Run has no `kwargs`."""
    if not sent.answers("POST /runs"):
        return sent
    return changed(sent, lambda run: {name: value for name, value in run.items() if name != "kwargs"})


def undeclared_null(sent: Exchange) -> Exchange:
    """A Run has null for the time of its creation."""
    return changed(sent, lambda run: {**run, "created_at": None}) if sent.answers("POST /runs") else sent


def detail_missing(sent: Exchange) -> Exchange:
    """Failures have another form than the contract's."""
    return failed(sent, sent.status, {"error": "invalid"}) if sent.status >= 400 else sent


def runs_not_kept(sent: Exchange) -> Exchange:
    """A run that is found is not found."""
    gone = re.fullmatch(r"GET (/threads/[^/]+)?/runs/[^/]+", f"{sent.method} {sent.path}") and sent.status == 200
    return failed(sent, 404, {"detail": "Run not found"}) if gone else sent


def anything_goes(sent: Exchange) -> Exchange:
    """Invalid requests are answered with 200."""
    return replace(sent, status=200, body=b"{}") if sent.status == 422 else sent


def dead_link(sent: Exchange) -> Exchange:
    """Location leads to a run that is not there."""
    location = b"/threads/01a1fcc4-be40-7503-a98b-f479b877e3b9/runs/01a1fcc4-be40-7503-a98b-f479b877e3b9/join"
    return replace(sent, headers=sent.headers | {b"location": location}) if b"location" in sent.headers else sent


def success_for_failure(sent: Exchange) -> Exchange:
    """A run that fails answers a wait as if it had no output."""
    return replace(sent, body=b"{}") if b'{"__error__"' in sent.body[:20] else sent


def bare_newlines(sent: Exchange) -> Exchange:
    """Frames end with LF."""
    return replace(sent, body=sent.body.replace(b"\r\n", b"\n")) if sent.streams else sent
