"""`python -m tests.durability.chaos`: kill servers again and again under load, and see that no promise is broken."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx

from tests.durability.audit import Audit, stream_violations
from tests.durability.claims import claim_many
from tests.durability.load import Accepted, Load, Violation
from tests.durability.place import Member, Place, a_place, spread
from tests.durability.stores import File, Schema
from tests.live import DEADLINE, sse

LEASES = {File: 2, Schema: 5}
"""Seconds of a lease. On a file, its end reveals a death only among several servers."""
SHOWN = 20
"""Violations that are printed."""
DATABASES = {"sqlite": "sqlite", "postgres": "postgresql", "postgresql": "postgresql"}
"""What `--database` may name, and the store that it means."""


@dataclass
class Kill:
    """A kill, and how long it took until the server answered again."""

    at: float
    starting: bool
    """Whether the server was still starting."""
    accepted: int
    """Runs accepted until then."""
    recovered: float = 0.0


@dataclass
class Figures:
    """The result of all kills."""

    accepted: list[Accepted] = field(default_factory=list)
    unanswered: int = 0
    kills: list[Kill] = field(default_factory=list)
    audit: Audit = field(default_factory=lambda: Audit({}, {}, []))
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """Lines for the terminal."""
        kinds = Counter(run.kind for run in self.accepted)
        ended = Counter(status for run in self.accepted for status, _ in self.audit.ends.get(run.run_id, []))
        events = sum(len(run.seen) for run in self.accepted)
        resumed = sum(run.connections - 1 for run in self.accepted if run.kind == "stream")
        median, _, longest = spread([kill.recovered for kill in self.kills])
        moments = [kill.at for kill in self.kills] + [time.time()]
        begun = [max(again) - start for start, end in pairwise(moments) if (again := self.audit.taken_over(start, end))]
        kind_counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        attempts = ", ".join(f"{count} × {number}" for number, count in sorted(self.audit.attempts().items()))
        return [
            f"runs accepted      {len(self.accepted)} ({kind_counts})",
            f"creates unanswered {self.unanswered} (cut off by a kill; their runs ended as well, if there are any)",
            f"ended by status    {', '.join(f'{count} {status}' for status, count in sorted(ended.items()))}",
            f"attempts           {attempts}",
            f"stream events      {events}, streams resumed {resumed} times",
            f"restarts           {len(self.kills)}, {sum(kill.starting for kill in self.kills)} of them while starting",
            f"answers again      after {median:.2f} s (median), {longest:.2f} s (longest)",
            f"cut runs restarted after {max(begun, default=0):.2f} s (the last of them, longest)",
        ]


class Chaos:
    """Servers on one store, clients that keep them busy, and a task that kills them."""

    def __init__(self, place: Place, *, kills: int, seed: int, servers: int, settle: float = 1.5) -> None:
        self._place = place
        self._random = random.Random(seed)
        self._seed = seed
        self._kills = kills
        self._settle = settle
        variables = {"BG_JOB_MAX_RETRIES": str(kills + 2), "RESUMABLE_STREAM_TTL_SECONDS": "3600"}
        if servers > 1 or isinstance(place.store, Schema):
            variables["LEASE_SECONDS"] = str(LEASES[type(place.store)])
        self._members = [Member(self._place, number, **variables) for number in range(servers)]
        self.figures = Figures()

    async def run(self) -> Figures:
        """Do all steps, and return the figures."""
        started = time.monotonic()
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=DEADLINE, limits=limits, verify=False) as http:
            load = Load(self._place, [member.url for member in self._members], http, self._seed)
            try:
                await self._begin(http)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(load.run())
                    tasks.create_task(self._kill_all(http, load))
                await self._check(load)
            except* Violation as violations:
                self.figures.violations += [str(violation) for violation in flat(violations)]
            finally:
                for member in self._members:
                    member.kill()
            self.figures.accepted, self.figures.unanswered = load.accepted, load.unanswered
        for member in self._members:
            self.figures.violations += [f"{member.log.name}: {line[:300]}" for line in member.faults()]
        self.figures.seconds = time.monotonic() - started
        return self.figures

    async def _begin(self, http: httpx.AsyncClient) -> None:
        for member in self._members:
            member.start()
        for member in self._members:
            await self._answers(member, http)
        self._place.script(self._place.store.audit)

    async def _answers(self, member: Member, http: httpx.AsyncClient) -> None:
        async with asyncio.timeout(DEADLINE):
            while not await member.answers(http):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.01)

    async def _kill_all(self, http: httpx.AsyncClient, load: Load) -> None:
        for _ in range(self._kills):
            await asyncio.sleep(self._random.uniform(0.1, self._settle))
            member = self._random.choice(self._members)
            kill = await self._kill(member, http, load, starting=False)
            if self._random.random() < 0.2 and len(self.figures.kills) < self._kills:
                await asyncio.sleep(self._random.uniform(0.2, 0.9))
                kill = await self._kill(member, http, load, starting=True)
            await self._answers(member, http)
            kill.recovered = time.time() - kill.at
            if len(self.figures.kills) >= self._kills:
                break
        load.stop()

    async def _kill(self, member: Member, http: httpx.AsyncClient, load: Load, *, starting: bool) -> Kill:
        kill = Kill(time.time(), starting, len(load.accepted))
        member.kill()
        member.start()
        self.figures.kills.append(kill)
        print(
            f"kill {len(self.figures.kills):2}/{self._kills}  {kill.accepted} runs accepted"
            + (", while starting" if starting else ""),
            flush=True,
        )
        return kill

    async def _check(self, load: Load) -> None:
        """Wait until every run has ended, and compare the records of clients, servers and the store."""
        place, wrong = self._place, self.figures.violations
        for run in load.accepted:
            found = (await load.get(f"/runs/{run.run_id}/join")).json()
            if found != {}:
                wrong.append(f"{run.kind} run {run.run_id}: joined with {found}")
        for run_id in Audit.read(place).unfinished:  # a create that was cut off leaves a run that is not accepted
            await load.get(f"/runs/{run_id}/join")
        audit = self.figures.audit = Audit.read(place)
        wrong += [f"run {run_id} has not ended" for run_id in audit.unfinished]
        noted = Counter(note.run_id for note in place.notes(what="ended"))
        for run in load.accepted:
            wrong += audit.violations(run, noted[run.run_id])
            answer = (await load.get(f"/runs/{run.run_id}")).json()
            if answer["status"] != "success":
                wrong.append(f"{run.kind} run {run.run_id}: {answer['status']}, {answer['error']}")
            if run.resumable:
                reply = await load.get(f"/runs/{run.run_id}/stream", last_event_id="-1")
                wrong += stream_violations(run, sse(reply.content), answer["attempts"])


def claimed(place: Place, claims: int) -> int:
    """Two servers on one store without kills: print figures, and return the exit code."""
    with place.serve() as one, place.serve() as other:
        result = asyncio.run(claim_many(place, [one.url, other.url], claims))
    print(result.line())
    for violation in result.violations[:SHOWN]:
        print(f"VIOLATION {violation}")
    return int(bool(result.violations))


def flat(group: BaseExceptionGroup[Violation]) -> list[Violation]:
    """The exceptions in a group of groups."""
    found: list[Violation] = []
    for each in group.exceptions:
        found += flat(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


def main() -> int:
    """Run, print the figures, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how often a server is killed (20)")
    parser.add_argument("--seed", type=int, default=None, help="what decides when and whom (chosen and printed)")
    parser.add_argument("--claims", type=int, nargs="?", const=10_000, help="only so many runs, claimed by 2 servers")
    parser.add_argument("--servers", type=int, default=1, help="servers on the store (1)")
    parser.add_argument("--database", choices=list(DATABASES), default="sqlite", help="what they share (a file)")
    arguments = parser.parse_args()
    seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
    kind = DATABASES[arguments.database]
    with tempfile.TemporaryDirectory(prefix="treadle-chaos-") as folder, a_place(Path(folder), kind) as place:
        if arguments.claims:
            return claimed(place, arguments.claims)
        print(f"seed {seed}, {arguments.kills} kills, {arguments.servers} server(s) on {kind}", flush=True)
        chaos = Chaos(place, kills=arguments.kills, seed=seed, servers=arguments.servers)
        figures = asyncio.run(chaos.run())
    print("\n".join(figures.lines()))
    for violation in figures.violations[:SHOWN]:
        print(f"VIOLATION {violation}")
    verdict = f"{len(figures.violations)} violations" if figures.violations else "every promise was kept"
    print(f"{verdict}, in {figures.seconds:.0f} s (seed {seed})")
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
