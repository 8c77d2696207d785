"""Names to addresses, by the system's resolver, on threads that nothing waits for."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from treadle.errors import NamesBusy

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a host, in the order in which to try them.

Raises OSError if there is none to be had, and NamesBusy if it cannot be looked up now.
"""

# How long a name may take, and how long one may wait for a slot, in seconds.
PATIENCE = 5.0
PATIENCE_FOR_A_SLOT = 1.0
AT_ONCE = 32
"""Names that one resolver looks up at once. One at a silent name server keeps its slot until the system gives it up."""


class SystemResolver:
    """Resolves with `getaddrinfo`, which also reads odd spellings of addresses. Confined to one event loop."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[str, asyncio.Future[list[str]]] = {}
        """Look-ups under way: callers with the same host wait for the same answer."""

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        answer = self._asked.get(host) or await self._begin(host, port)
        try:
            async with asyncio.timeout(PATIENCE):
                addresses = await asyncio.shield(answer)  # others may wait for it
        except TimeoutError:
            raise OSError("its name server did not answer in time") from None
        if not addresses:
            raise OSError("its name cannot be resolved")
        return addresses

    async def _begin(self, host: str, port: int) -> asyncio.Future[list[str]]:
        try:
            async with asyncio.timeout(PATIENCE_FOR_A_SLOT):
                await self._slots.acquire()
        except TimeoutError:
            raise NamesBusy from None
        if host in self._asked:  # others have waited for a slot as well
            self._slots.release()
            return self._asked[host]
        answer = self._asked[host] = asyncio.get_running_loop().create_future()
        try:
            self._look_up(host, port, answer)
        except RuntimeError:  # the system has no thread to spare
            self._over(host, answer, [])
            raise NamesBusy from None
        return answer

    def _look_up(self, host: str, port: int, answer: asyncio.Future[list[str]]) -> None:
        loop = asyncio.get_running_loop()

        def look_up() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
            except (OSError, UnicodeError):
                addresses = []
            with suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._over, host, answer, addresses)

        # A thread of its own: a pool's would keep the process from ending while a name server is silent.
        threading.Thread(target=look_up, name="treadle-names", daemon=True).start()

    def _over(self, host: str, answer: asyncio.Future[list[str]], addresses: list[str]) -> None:
        self._slots.release()
        del self._asked[host]
        answer.set_result(addresses)
