"""A server with bugs in it, to show that they are seen: `python -m tests.contract --plant no_metadata`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from unittest.mock import patch

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.contract.exchange import Bug, Deafness, Exchange, Request
from tests.contract.planted_others import DEAFNESSES, OTHER_BUGS, deletion_forgotten, deletion_told
from tests.contract.planted_runs import RUN_BUGS
from tests.contract.planted_threads import THREAD_BUGS
from tests.contract.server import PLANTED
from treadle.__main__ import main
from treadle.edge import application
from treadle.running import Services

BUGS: dict[str, Bug] = {bug.__name__: bug for bug in (*RUN_BUGS, *OTHER_BUGS, *THREAD_BUGS)}
BUGS[deletion_forgotten.__name__] = deletion_told
DEAF: dict[str, Deafness] = {bug.__name__: bug for bug in DEAFNESSES}
NAMES = BUGS.keys() | DEAF.keys()


class Faulty:
    """An application whose requests are spoiled before it reads them, and whose answers before they are sent."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = [value.decode() for name, value in scope["headers"] if name == PLANTED.encode()]
        names, messages = [*self._names, *named], list[Message]()

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(*await _heard(scope, receive, [DEAF[name] for name in names if name in DEAF]), keep)
        headers = {name: value for name, value in messages[0]["headers"] if name != b"content-length"}
        body = b"".join(message.get("body", b"") for message in messages[1:])
        sent = Exchange(scope["method"], scope["path"], messages[0]["status"], headers, body, scope["query_string"])
        for name in names:
            sent = BUGS[name](sent) if name in BUGS else sent
        await send({"type": "http.response.start", "status": sent.status, "headers": list(sent.headers.items())})
        await send({"type": "http.response.body", "body": sent.body})


async def _heard(scope: Scope, receive: Receive, deafnesses: Sequence[Deafness]) -> tuple[Scope, Receive]:
    """The request as the application hears it: unspoiled, it comes as it is sent, piece by piece."""
    if not deafnesses:
        return scope, receive
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    request = Request(scope["method"], scope["path"], dict(scope["headers"]), body)
    for deaf in deafnesses:
        request = deaf(request)
    pending: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def heard() -> Message:
        return pending.pop() if pending else await receive()

    length = {b"content-length": str(len(request.body)).encode()} if b"content-length" in request.headers else {}
    return {**scope, "method": request.method, "headers": [*(request.headers | length).items()]}, heard


def serve(names: Sequence[str]) -> None:
    """Be `treadle serve`, with a faulty application."""

    def faulty(services: Services) -> ASGIApp:
        return Faulty(application(services), names)

    with patch("treadle.server.application", faulty):
        main()


if __name__ == "__main__":
    serve([name for name in os.environ.get("PLANTED", "").split(",") if name])
