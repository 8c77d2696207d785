"""Which receivers may be called now: no host takes the slots of others, and none that is dead keeps us busy."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from time import monotonic

ROOM = 8
"""Attempts under way at one host, in one process."""
TAKEN_AT_ONCE = 4
"""Deliveries claimed at once. All of them may go to one host, so that each host needs room for this number."""
FAILING_ROOM = 32
"""Attempts under way at all hosts that do not answer; the other slots are kept for hosts that answer."""
# Seconds without attempts after a host did not answer: the first time, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
# Seconds by which each host that does not answer lengthens the longest pause, and its least length: together they get
# few attempts in a second, and the deliveries to one host are still given up after about a day.
SHARE_OF_PAUSE, LEAST_LONGEST_PAUSE = 0.5, 1.0
# Seconds after its pause, in which a host was not called, until it is forgotten.
FORGOTTEN_AFTER = 60.0


@dataclass(slots=True)
class _Host:
    under_way: int = 0
    pause: float = 0.0
    """Seconds; 0: it has answered, or was never called."""
    paused_at: float = -inf
    paused_until: float = -inf


class Hosts:
    """The state of the called hosts. Confined to one event loop."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}

    def begin(self, name: str) -> float:
        """An attempt begins; when, for `end`. All moments here are of the monotonic clock."""
        self._hosts.setdefault(name, _Host()).under_way += 1
        return monotonic()

    def end(self, name: str, began: float, *, answered: bool | None) -> None:
        """Note that an attempt has ended, with any answer or without one; None: it was cut short."""
        host, now = self._hosts[name], monotonic()
        host.under_way -= 1
        if answered:
            host.pause, host.paused_until = 0.0, -inf
        # Attempts under way at the same time fail together: they count as one failure.
        elif answered is False and began >= host.paused_at:
            failing = sum(each.pause > 0 for each in self._hosts.values())
            longest = min(max(SHARE_OF_PAUSE * failing, LEAST_LONGEST_PAUSE), LONGEST_PAUSE)
            host.pause = min(max(2 * host.pause, FIRST_PAUSE), longest)
            host.paused_at, host.paused_until = now, now + host.pause
        if not host.under_way and not host.pause:
            del self._hosts[name]

    def closed(self) -> frozenset[str]:
        """The hosts that nothing may be claimed for now: they have their fill, or are left alone."""
        now = monotonic()
        self._forget(now)
        failing_under_way = sum(host.under_way for host in self._hosts.values() if host.pause)
        return frozenset(
            name
            for name, host in self._hosts.items()
            if host.under_way > ROOM - TAKEN_AT_ONCE
            or host.paused_until > now
            or (host.pause and failing_under_way > FAILING_ROOM - TAKEN_AT_ONCE)
        )

    def next_open(self) -> float | None:
        """When the first pause ends; None: no host is paused. Running attempts are not considered."""
        now = monotonic()
        return min((host.paused_until for host in self._hosts.values() if host.paused_until > now), default=None)

    def _forget(self, now: float) -> None:
        gone = [
            name
            for name, host in self._hosts.items()
            if not host.under_way and host.paused_until + FORGOTTEN_AFTER < now
        ]
        for name in gone:
            del self._hosts[name]
