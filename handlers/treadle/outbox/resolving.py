"""Names to addresses, by the system's resolver, on threads that nothing waits for."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a host, in the order in which to try them. Raises OSError if there is none to be had."""

# How long a name may take, in seconds, and how many are looked up at once.
PATIENCE = 5.0
AT_ONCE = 16


class SystemResolver:
    """What `getaddrinfo` says, which also reads every odd spelling of an address."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def tell(addresses: list[str]) -> None:
            self._slots.release()
            if not answer.done():
                answer.set_result(addresses)

        def look_up() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
            except (OSError, UnicodeError):
                addresses = []
            with suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(tell, addresses)

        try:
            async with asyncio.timeout(PATIENCE):
                await self._slots.acquire()
                # A thread of its own: a pool's would keep the process from ending while a name server is silent.
                threading.Thread(target=look_up, name="treadle-names", daemon=True).start()
                addresses = await answer
        except TimeoutError:
            raise OSError("its name server did not answer in time") from None
        if not addresses:
            raise OSError("its name cannot be resolved")
        return addresses
