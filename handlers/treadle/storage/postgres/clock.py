"""The clock of the database, which all processes use in the place of the clocks of their machines."""

from __future__ import annotations

from time import monotonic

from treadle.storage.postgres.changes import News
from treadle.storage.postgres.database import Database

# Seconds that an answer may take, or it says nothing about the time.
PROMPT = 1.0


class DatabaseClock:
    """Seconds since the epoch by the clock of the database, carried on between two questions by the monotonic one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = database.statements("notices.sql")["now"]
        self._ahead: float | None = None

    def __call__(self) -> float:
        assert self._ahead is not None, "used before the first measurement"
        return monotonic() + self._ahead

    async def hear(self, _news: News) -> None:
        """Measure again, now that others are listened to."""
        await self.measure()

    async def measure(self) -> None:
        """Ask the database for its time."""
        asked = monotonic()
        now: float = await self._database.value(self._now)
        took = monotonic() - asked
        ahead = now - (asked + took / 2)
        # Within what the answer took, the old measurement is as good as the new one.
        if self._ahead is None or (took / 2 < abs(ahead - self._ahead) and took < PROMPT):
            self._ahead = ahead
