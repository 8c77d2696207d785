"""The asynchronous client of `langgraph_sdk`, called like the synchronous one: one test shows both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar, cast

from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

T = TypeVar("T")
KINDS = ("sync", "async")


@contextmanager
def client_of(kind: str, url: str, **options: Any) -> Iterator[SyncLangGraphClient]:
    """A client of `kind`; the asynchronous one works on an event loop in a thread of its own."""
    if kind == "sync":
        with get_sync_client(url=url, **options) as client:
            yield client
        return
    with _loop() as wait_for:
        asynchronous = get_client(url=url, **options)
        try:
            yield cast(SyncLangGraphClient, _Driven(asynchronous, wait_for))
        finally:
            wait_for(asynchronous.aclose())


@contextmanager
def _loop() -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="async-client")
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


class _Driven:
    """An object whose methods are coroutines or asynchronous generators, for synchronous callers."""

    def __init__(self, target: Any, wait_for: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._target = target
        self._wait_for = wait_for

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        return self._called(value) if inspect.ismethod(value) else _Driven(value, self._wait_for)

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            result = method(*arguments, **named)
            return self._wait_for(result) if inspect.iscoroutine(result) else self._each(result)

        return call

    def _each(self, parts: AsyncIterator[Any]) -> Iterator[Any]:
        generator = cast(Any, parts)
        try:
            while (part := self._wait_for(anext(generator, None))) is not None:
                yield part
        finally:
            self._wait_for(generator.aclose())
