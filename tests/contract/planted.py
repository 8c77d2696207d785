"""A server with bugs in it, to show that they are seen: `python -m tests.contract --plant no_metadata`."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from unittest.mock import patch
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.contract.exchange import Bug, Exchange, failed, in_stream
from tests.contract.planted_threads import THREAD_BUGS
from treadle.__main__ import main
from treadle.edge import application
from treadle.running import Services


def no_metadata(sent: Exchange) -> Exchange:
    """A stream begins with the first event of the graph."""
    body = sent.body.partition(b"\r\n\r\n")[2] if sent.creates and sent.streams else sent.body
    return replace(sent, body=body)


def metadata_of_another_run(sent: Exchange) -> Exchange:
    """`metadata` and the headers name two runs."""
    return in_stream(sent, rb'"run_id":"[^"]+"', f'"run_id":"{uuid4()}"'.encode())


def metadata_off_schema(sent: Exchange) -> Exchange:
    """The first attempt is counted 0."""
    return in_stream(sent, rb'"attempt":1', b'"attempt":0')


def ids_out_of_order(sent: Exchange) -> Exchange:
    """The second event has the id of the first."""
    return in_stream(sent, rb"id: 2\r\n", b"id: 1\r\n")


def bare_newlines(sent: Exchange) -> Exchange:
    """Frames end with LF, as the standard allows and the wire does not."""
    return replace(sent, body=sent.body.replace(b"\r\n", b"\n")) if sent.streams else sent


def data_not_json(sent: Exchange) -> Exchange:
    """NaN goes out as Python spells it."""
    return in_stream(sent, rb"(event: values\r\ndata: )[^\r]*", rb'\1{"x":NaN}')


def server_error(sent: Exchange) -> Exchange:
    """One in four runs cannot be created."""
    unlucky = sent.creates and sent.headers[b"content-location"][-1:] in b"0123"
    return failed(sent, 500, {"detail": "Internal Server Error"}) if unlucky else sent


def text_error(sent: Exchange) -> Exchange:
    """Failures are plain text."""
    if sent.status < 400:
        return sent
    return replace(sent, headers=sent.headers | {b"content-type": b"text/plain"}, body=b"Unprocessable")


def error_without_detail(sent: Exchange) -> Exchange:
    """Failures have another form than the contract's."""
    return failed(sent, sent.status, {"error": "invalid"}) if sent.status >= 400 else sent


def undeclared_status(sent: Exchange) -> Exchange:
    """A created run is answered with 201."""
    return replace(sent, status=201) if sent.creates and sent.path == "/runs" else sent


def all_404(sent: Exchange) -> Exchange:
    """Nothing is ever found, and every request is well refused."""
    return failed(sent, 404, {"detail": "Not Found"}) if "runs" in sent.path else sent


def wait_404(sent: Exchange) -> Exchange:
    """One operation refuses everything."""
    return failed(sent, 404, {"detail": "Not Found"}) if sent.path == "/runs/wait" else sent


def accepts_anything(sent: Exchange) -> Exchange:
    """Invalid requests are accepted."""
    return replace(sent, status=200, body=b"null") if sent.status == 422 else sent


def location_dangles(sent: Exchange) -> Exchange:
    """Content-Location names a run that is not there."""
    if not sent.creates:
        return sent
    return replace(sent, headers=sent.headers | {b"content-location": f"/runs/{uuid4()}".encode()})


def run_off_schema(sent: Exchange) -> Exchange:
    """A run has a status that the contract does not know."""
    return replace(sent, body=re.sub(rb'"status":"[a-z]+"', b'"status":"finished"', sent.body))


BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        no_metadata,
        metadata_of_another_run,
        metadata_off_schema,
        ids_out_of_order,
        bare_newlines,
        data_not_json,
        server_error,
        text_error,
        error_without_detail,
        undeclared_status,
        all_404,
        wait_404,
        accepts_anything,
        location_dangles,
        run_off_schema,
        *THREAD_BUGS,
    )
}


class Faulty:
    """An application whose answers are spoiled before they are sent."""

    def __init__(self, app: ASGIApp, bugs: list[Bug]) -> None:
        self._app = app
        self._bugs = bugs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        headers = {name: value for name, value in messages[0]["headers"] if name != b"content-length"}
        body = b"".join(message.get("body", b"") for message in messages[1:])
        sent = Exchange(scope["method"], scope["path"], messages[0]["status"], headers, body, scope["query_string"])
        for bug in self._bugs:
            sent = bug(sent)
        await send({"type": "http.response.start", "status": sent.status, "headers": list(sent.headers.items())})
        await send({"type": "http.response.body", "body": sent.body})


def serve(bugs: list[Bug]) -> None:
    """Be `treadle serve`, with a faulty application."""

    def faulty(services: Services) -> ASGIApp:
        return Faulty(application(services), bugs)

    with patch("treadle.server.application", faulty):
        main()


if __name__ == "__main__":
    serve([BUGS[name] for name in os.environ["PLANTED"].split(",")])
