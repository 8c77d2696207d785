"""`AsyncTreadle`, called like `Treadle`: one test shows both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from treadle_client import AsyncStream, AsyncTreadle, Treadle

KINDS = ("sync", "async")


@contextmanager
def client_of(kind: str, url: str | None = None, **options: Any) -> Iterator[Treadle]:
    """A client of `kind`; the asynchronous one works on an event loop in a thread of its own."""
    if kind == "sync":
        with Treadle(url, **options) as client:
            yield client
        return
    with start_blocking_portal() as portal:
        asynchronous = AsyncTreadle(url, **options)
        try:
            yield cast(Treadle, Driven(asynchronous, portal))
        finally:
            portal.call(asynchronous.close)


def http_client(kind: str, transport: Any) -> Any:
    """A client of httpx of that kind."""
    return httpx.Client(transport=transport) if kind == "sync" else httpx.AsyncClient(transport=transport)


class Driven:
    """An object whose methods are coroutines or asynchronous generators, for synchronous callers."""

    def __init__(self, target: Any, portal: BlockingPortal) -> None:
        self._target = target
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if name == "with_response":
            return lambda method: self._called(value(method.__wrapped__))
        return self._called(value) if callable(value) else self._driven(value)

    def __repr__(self) -> str:
        return repr(self._target)

    def __enter__(self) -> Driven:
        self._portal.call(self._target.__aenter__)
        return self

    def __exit__(self, *raised: Any) -> None:
        self._portal.call(self._target.__aexit__, *raised)

    def __iter__(self) -> Iterator[Any]:
        return self._each(aiter(self._target))

    def _driven(self, value: Any) -> Any:
        own = type(value).__module__.startswith("treadle_client") and not isinstance(value, tuple)
        return Driven(value, self._portal) if own else value

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            result = method(*arguments, **named)
            if inspect.iscoroutine(result):
                return self._portal.call(lambda: result)
            if inspect.isasyncgen(result):
                return self._each(result)
            return Driven(result, self._portal) if isinstance(result, AsyncStream | AsyncTreadle) else result

        call.__wrapped__ = method  # type: ignore[attr-defined]
        return call

    def _each(self, parts: Any) -> Iterator[Any]:
        try:
            while (part := self._portal.call(anext, parts, None)) is not None:
                yield part
        finally:
            self._portal.call(parts.aclose)
