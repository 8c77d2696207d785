"""Calls from one event loop to another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Await `call` on another loop. Both see it if the other one's part is cancelled."""

    async def there() -> T:
        return await call(*arguments)

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), loop))
