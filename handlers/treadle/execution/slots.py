"""The slots for runs in this process, and when to look for runs that may fill them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Slots:
    """As many slots as runs that may be under way at once. A run that waits is not overtaken by a new one."""

    def __init__(self, number: int, *, open: bool, clock: Callable[[], float]) -> None:
        self._number = number
        self._free = number
        self._clock = clock
        self._freed = asyncio.Event()
        self.open = open
        """Whether this process starts runs."""
        self.backlog = False
        """Whether runs that are due wait for a slot."""
        self.next_due = inf
        """When the next waiting run is due; infinite if none waits, or while that is not known."""
        self.wake = asyncio.Event()
        """Set when there may be a run to claim: a hint, since the store decides which runs are due."""

    @property
    def free(self) -> int:
        """The number of free slots."""
        return self._free

    @property
    def in_use(self) -> int:
        """The number of slots that are taken or reserved."""
        return self._number - self._free

    def crowded(self) -> bool:
        """Whether runs that are due find no slot."""
        return self.backlog and self._free <= 0

    def reserve(self, due: float) -> bool:
        """Take a slot for a new run, if it is due now and overtakes no other run."""
        admitted = self.open and not self.backlog and self._free > 0 and due <= self._clock()
        self._free -= admitted
        return admitted

    def take(self) -> None:
        """Take a free slot."""
        self._free -= 1

    def release(self) -> None:
        """Give a slot back."""
        self._free += 1
        self._freed.set()
        if self.backlog:
            self.wake.set()

    def expect(self, due: float) -> None:
        """A run was added that will be due at that time."""
        if due <= self._clock():
            self.backlog = True
        if due < self.next_due:
            self.wake.set()

    def close(self) -> None:
        """Start no more runs."""
        self.open = False
        self.wake.set()

    async def until_all_free(self) -> None:
        """Wait until every slot is free."""
        while self.in_use:
            self._freed.clear()
            await self._freed.wait()
