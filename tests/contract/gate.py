"""Decides whether a run of the fuzzer proves something: verdicts over a report, and a table of its figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tests.contract import facts
from tests.contract.report import OTHER, Report, Tally

# The least share of an operation's valid creates that must reach 2xx, and the least number of such cases.
LEAST_SHARE = 0.90
LEAST_CASES = 20
# The least share of successes among runs with a known outcome: a graph that never runs tests little of a server.
LEAST_SUCCESS = 0.33
# Declared statuses that the fuzzer never causes: by requests that are too large, too deep, incomplete or not HTTP, and
# by a server that stops or has lost its storage. For creates also: unknown assistants (adaptations.py), and repeated
# requests whose run was deleted, which happen only by chance.
# The server under test has keys, and no users to refuse (403).
UNSEEN = frozenset({"400", "403", "408", "413", "431", "500", "503"})
# As many assistants as may be are kept only after very many requests; and of the texts that name no graph, which are
# refused with 422, a fuzzer finds no UUID.
NEVER = frozenset({("PATCH /assistants/{assistant_id}", "409"), ("GET /assistants/{assistant_id}/graph", "404")})
UNSEEN_OF_CREATES = UNSEEN | {"404", "409"}
# Schemathesis counts the events of both modes under one name.
EVENT_OF_MODE = {"messages-tuple": "messages"}


@dataclass(frozen=True, slots=True)
class Demands:
    """The parts of a contract that a run of the fuzzer has to show."""

    creates: Collection[str] = ()
    """The operations that create runs."""
    links: Collection[tuple[str, str]] = ()
    modes: Collection[str] = ()
    statuses: Mapping[str, Collection[str]] | None = None
    """Operation -> the statuses that it declares; None if none have to be seen."""
    facts: Collection[str] = facts.ALL


@dataclass(frozen=True, slots=True)
class Unmet:
    """The demands that are not met yet."""

    links: list[tuple[str, str]]
    statuses: list[tuple[str, str]]
    """(operation, status)"""
    facts: list[str]

    def __bool__(self) -> bool:
        return bool(self.links or self.statuses or self.facts)

    def __str__(self) -> str:
        pairs = [f"{what} of {label}" for label, what in (*self.links, *self.statuses)]
        return ", ".join([*pairs, *self.facts]) or "nothing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One demand, and the reasons why it is not met."""

    name: str
    reasons: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the demand is met."""
        return not self.reasons


def verdicts(report: Report, demands: Demands) -> list[Verdict]:
    """A verdict for each operation, and one each for links, stream modes, statuses, threads and undeclared methods."""
    left = unmet(report, demands)
    unseen = [f"no event of {mode}" for mode in demands.modes if not report.events[EVENT_OF_MODE.get(mode, mode)]]
    judged = [
        Verdict(label, tuple(_judge(tally, creates_runs=label in demands.creates)))
        for label, tally in report.tallies.items()
        if label != OTHER
    ]
    return [
        *judged,
        Verdict("methods that are not declared", tuple(_failed_checks(report.tallies[OTHER]))),
        Verdict("links", tuple(f"not followed: {name} of {label}" for label, name in left.links)),
        Verdict("stream modes", tuple(unseen)),
        Verdict("statuses", tuple(f"no {status} of {label}" for label, status in left.statuses)),
        Verdict("threads", tuple(f"no {fact}" for fact in left.facts)),
    ]


def unmet(report: Report, demands: Demands) -> Unmet:
    """The demands that more sequences of operations might meet."""
    unseen = [
        (label, status)
        for label, declared in (demands.statuses or {}).items()
        for status in sorted(set(declared) - (UNSEEN_OF_CREATES if label in demands.creates else UNSEEN))
        if not report.tallies[label].statuses[status] and (label, status) not in NEVER
    ]
    return Unmet(
        links=sorted(set(demands.links) - set(report.links)),
        statuses=[*unseen, *((label, "2xx") for label in report.unreached)],
        facts=[fact for fact in demands.facts if not report.facts[fact]],
    )


def table(report: Report) -> Iterator[str]:
    """The figures, one line per operation."""
    width = max(map(len, report.tallies))
    yield f"{'operation':<{width}}{'cases':>7}{'valid':>7}{'2xx':>8}{'success':>9}  statuses"
    for label, tally in report.tallies.items():
        share = f"{tally.share:.1%}" if tally.positive else "-"
        success = f"{tally.succeeded / tally.ended:.0%}" if tally.ended else "-"
        statuses = "  ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items()))
        yield f"{label:<{width}}{tally.cases:>7}{tally.positive:>7}{share:>8}{success:>9}  {statuses}"


def _judge(tally: Tally, *, creates_runs: bool) -> Iterator[str]:
    yield from _failed_checks(tally)
    if not tally.cases:
        yield "never called"
    elif not tally.reached:
        yield "no valid data reached 2xx"
    if not creates_runs:
        return
    if tally.positive < LEAST_CASES:
        yield f"{tally.positive} cases of valid data are fewer than {LEAST_CASES}"
    if tally.share < LEAST_SHARE:
        yield f"{tally.reached} of {tally.positive} cases of valid data reached 2xx: less than {LEAST_SHARE:.0%}"
    if tally.ended and tally.succeeded / tally.ended < LEAST_SUCCESS:
        yield f"{tally.succeeded} of {tally.ended} runs succeeded: less than {LEAST_SUCCESS:.0%}"


def _failed_checks(tally: Tally) -> Iterator[str]:
    yield from (f"{name} failed in {count} cases" for name, count in tally.failed_checks.items())
