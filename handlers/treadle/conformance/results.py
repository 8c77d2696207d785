"""The results of checks: an outcome for each operation and subject, with findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What a check has shown."""

    passed = "pass"
    failed = "fail"
    not_offered = "not offered"
    not_tried = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of the server, the place in the contract, and the request that shows it."""

    operation: str
    problem: str
    pointer: str
    line: int
    curl: str


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check of one operation."""

    operation: str
    subject: str
    outcome: Outcome
    reason: str = ""
    """Why it is not offered, or was not tried."""
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Examined:
    """A server, and what its examination has shown."""

    url: str
    server: str
    """The version that `/info` names."""
    level: int
    contract: str
    """The SHA-256 of the document that it was judged by."""
    results: list[Result] = field(default_factory=list)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    """Operation -> the statuses that it has answered with."""

    @property
    def counts(self) -> dict[str, int]:
        """Outcome -> the number of checks."""
        counted = Counter(result.outcome for result in self.results)
        return {outcome.value: counted[outcome] for outcome in Outcome}

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not any(result.outcome is Outcome.failed for result in self.results)

    def faults(self) -> list[tuple[Finding, list[str]]]:
        """Each distinct finding once, with the subjects of the checks that met it."""
        return distinct(self.results)

    def document(self) -> dict[str, Any]:
        """All of it, for `--json`."""
        return {
            "url": self.url,
            "server": self.server,
            "level": self.level,
            "contract": self.contract,
            "counts": self.counts,
            "statuses": {operation: sorted(statuses) for operation, statuses in self.statuses.items()},
            "results": [_row(result) for result in self.results],
        }


def distinct(results: Iterable[Result]) -> list[tuple[Finding, list[str]]]:
    """Findings of the same operation, place and problem are one finding."""
    found: dict[tuple[str, str, str], tuple[Finding, list[str]]] = {}
    for result in results:
        for finding in result.findings:
            key = (finding.operation, finding.pointer, finding.problem)
            found.setdefault(key, (finding, []))[1].append(result.subject)
    return list(found.values())


def _row(result: Result) -> dict[str, Any]:
    return {
        "operation": result.operation,
        "subject": result.subject,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "findings": [
            {name: getattr(finding, name) for name in ("operation", "problem", "pointer", "line", "curl")}
            for finding in result.findings
        ],
    }
