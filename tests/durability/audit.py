"""The store's own record of every run: triggers note each start and each end in the transaction that makes it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from tests.durability.load import Accepted, Event
from tests.durability.place import Place


@dataclass(frozen=True)
class Audit:
    """The starts and ends of every run: (attempt, time) and (status, attempt)."""

    starts: dict[str, list[tuple[int, float]]]
    ends: dict[str, list[tuple[str, int]]]
    unfinished: list[str]
    early: float = 0.0
    """Seconds by which a server may misjudge the time of the store."""

    @classmethod
    def read(cls, place: Place) -> Audit:
        """Read the store."""
        starts, ends = defaultdict(list), defaultdict(list)
        for run_id, attempt, at in place.rows("SELECT run_id, attempt, at FROM audit_starts ORDER BY number"):
            starts[run_id].append((attempt, at))
        for run_id, status, attempt in place.rows("SELECT run_id, status, attempt FROM audit_ends ORDER BY number"):
            ends[run_id].append((status, attempt))
        rows = place.rows("SELECT run_id FROM runs WHERE status IN ('pending', 'running')")
        return cls(starts, ends, [run_id for (run_id,) in rows], place.store.early)

    def violations(self, run: Accepted, times_noted: int) -> list[str]:
        """The faults of an accepted run, whose node has noted its end `times_noted` times."""
        starts, ends = self.starts.get(run.run_id, []), self.ends.get(run.run_id, [])
        attempts = [attempt for attempt, _ in starts]
        wrong = []
        if [status for status, _ in ends] != ["success"]:
            wrong.append(f"ends: {ends}")
        if attempts != list(range(1, len(attempts) + 1)) or [attempt for _, attempt in ends] != attempts[-1:]:
            wrong.append(f"attempts: {attempts}, ends: {ends}")
        if not 1 <= times_noted <= len(attempts):
            wrong.append(f"came to its end {times_noted} times in {len(attempts)} attempts")
        if starts and starts[0][1] < run.due - self.early:
            wrong.append(f"started {run.due - starts[0][1]:.3f} s before it was due")
        return [f"{run.kind} run {run.run_id}: {text}" for text in wrong]

    def attempts(self) -> Counter[int]:
        """Number of attempts -> how many runs took so many."""
        return Counter(len(starts) for starts in self.starts.values())

    def taken_over(self, after: float, before: float) -> list[float]:
        """The times between two moments at which runs began another attempt."""
        return [at for starts in self.starts.values() for attempt, at in starts if attempt > 1 and after < at < before]


def stream_violations(run: Accepted, replayed: list[Event], attempts: int) -> list[str]:
    """The faults in the events of a resumable run: those that a client saw, and those of a replay from the start."""
    wrong = []
    if [number for _, _, number in replayed] != [str(number) for number in range(1, len(replayed) + 1)]:
        wrong.append(f"replayed ids: {[number for _, _, number in replayed]}")
    if run.kind == "stream" and run.seen != replayed:
        first = next((a, b) for a, b in zip([*run.seen, None], [*replayed, None], strict=False) if a != b)
        wrong.append(f"after {run.connections} connections a client saw {first[0]} where {first[1]} is replayed")
    begun = [data["attempt"] for name, data, _ in replayed if name == "metadata"]
    if begun != sorted(set(begun)) or begun[-1:] != [attempts]:
        wrong.append(f"metadata of attempts {begun}, of {attempts}")
    last: list[int] = []
    for name, data, _ in replayed:
        last = [] if name == "metadata" else [*last, data["step"]]
    if last != list(range(run.steps)):
        wrong.append(f"the last attempt told steps {last}, of {run.steps}")
    return [f"{run.kind} run {run.run_id}: {text}" for text in wrong]
