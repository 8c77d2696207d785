"""Compares the marks with the requests that the server sees: `pytest -p tests.coverage.witness`, for whole test files.

A test that is marked `shows("wait_run", "metadata 404")` has to send `metadata` to that operation, and to get a 404.
Whether it looks at the effect, only a reader can tell.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

# Functions import for themselves: an import up here would come before pytest rewrites assertions.
_claimed: dict[str, set[tuple[str, str]]] = defaultdict(set)
_seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
_running: list[str] = []


def pytest_sessionstart() -> None:
    """Record the requests and answers of every operation."""
    from treadle.web.binding import Endpoint

    answer = Endpoint.__call__

    async def witnessed(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if not _running:
            return await answer(self, scope, receive, send)
        seen, name, body = _seen[_running[0]], self.operation.name, bytearray()

        async def receiving() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                seen.update((name, field) for field in (str(message["status"]), *_fields(scope, bytes(body))))
            await send(message)

        return await answer(self, scope, receiving, sending)

    Endpoint.__call__ = witnessed  # type: ignore[method-assign]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember the cells that the test claims to show."""
    from tests.coverage.subjects import product

    test = item.nodeid.partition("[")[0]
    cells = {cell for mark in item.iter_markers("shows") for cell in product(*mark.args)}
    _running[:] = [test] if cells else []
    _claimed[test] |= cells


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if a test did not show a cell that it claims."""
    if any(_untrue()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each untrue mark."""
    for line in _untrue():
        terminalreporter.write_line(line, red=True)


def _untrue() -> Iterator[str]:
    for test in sorted(_seen):  # the tests of another process are not seen here
        yield from (f"{test} does not show {' '.join(cell)}" for cell in sorted(_claimed[test] - _seen[test]))


def _fields(scope: Any, body: bytes) -> Iterator[str]:
    """The names that a request uses, and the values that it gives them."""
    yield from scope["path_params"]
    yield from ("Last-Event-ID" for name, _ in scope["headers"] if name == b"last-event-id")
    for name, text in parse_qsl(scope["query_string"].decode("latin-1")):
        yield from _named(name, _json(text) if text.startswith("[") else text.split(","))
    document = _json(body)
    for item in document if isinstance(document, list) else [document]:
        for name, value in item.items() if isinstance(item, dict) else ():
            yield from _named(name, value)


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _named(name: str, value: Any) -> Iterator[str]:
    yield name
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _named(f"{name}.{key}", part)
    else:
        yield from (f"{name}={each}" for each in (value if isinstance(value, list) else [value]))
