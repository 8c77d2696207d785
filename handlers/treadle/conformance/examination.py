"""The examination of one server: finds what it offers, then applies every check to every operation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from treadle.conformance import creating, fields, following, modes
from treadle.conformance.attempts import Attempt, Probe, Target
from treadle.conformance.calls import Answer, Call
from treadle.conformance.graphs import ECHO
from treadle.conformance.operations import ALL, BATCH, CREATES, DELETES, GETS, INFO, JOINS, RUNS, STREAMS
from treadle.conformance.results import Outcome, Result
from treadle.conformance.verdicts import Broken, NotOffered, NotTried

ROUTE = "operation"
MALFORMED = {"run_id": "treadle-conform", "thread_id": "treadle-conform"}
MISSING = (404, 405, 501)


class Unusable(Exception):
    """The server cannot be examined: it is not reached, needs a key, or refuses the given assistant."""


class Examination:
    """All checks of a server, in the order of its operations."""

    def __init__(self, target: Target, patterns: Sequence[str] = ()) -> None:
        self._target = target
        wanted = patterns or ["*"]
        self._operations = [label for label in ALL if any(fnmatchcase(label, pattern) for pattern in wanted)]
        if not self._operations:
            raise Unusable(f"--operations {' '.join(patterns)}: there are only {', '.join(ALL)}")
        contract = target.contract
        known = [*creating.probes(contract), *fields.probes(), *modes.probes(), *following.probes()]
        self.plan = [(label, probe) for label in self._operations for probe in known if label in probe.operations]

    def prepare(self) -> str:
        """Find what the server offers, and return the version that it names. Raises Unusable."""
        for label in ALL:
            answer = self._route(label)
            if answer.status in (401, 403):
                raise Unusable(f"{label} gives {answer.status}: {answer.detail}; --header 'name: value' sends a key")
            if answer.status not in MISSING:
                self._target.offered.add(label)
        self._find_assistant()
        self._look_again()
        if not self._target.offered & set(self._operations):
            raise Unusable(f"{self._target.caller.url} offers none of the operations to examine")
        return self._version()

    def results(self) -> Iterator[Result]:
        """The result of each check, as it is known. Deletes the threads of kept runs at the end."""
        lacking: set[str] = set()
        try:
            for label, probe in self.plan:
                if label in self._target.offered:
                    yield self._tried(label, probe)
                elif label not in lacking:
                    lacking.add(label)
                    yield Result(label, ROUTE, Outcome.not_offered, "the server has no such route")
        finally:
            self._clean_up()

    def _tried(self, label: str, probe: Probe) -> Result:
        if probe.graphs and not self._target.graphs:
            return Result(label, probe.subject, Outcome.not_tried, "it needs the probe graphs (--graphs)")
        if probe.keeps and self._target.read_only:
            return Result(label, probe.subject, Outcome.not_tried, "it keeps a thread (--read-only)")
        attempt = Attempt(self._target, label, probe)
        started = time.monotonic()
        outcome, reason = Outcome.passed, ""
        try:
            probe.check(attempt)
        except NotOffered as refusal:
            outcome, reason = Outcome.not_offered, str(refusal)
        except NotTried as need:
            outcome, reason = Outcome.not_tried, str(need)
        except Broken as broken:
            attempt.found(broken)
        except OSError as error:  # it was reached before: an earlier request may have ended it
            attempt.found(Broken(str(error)))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            # A check reads answers as the contract has them. An answer of another shape is a fault of the server.
            attempt.found(Broken(f"the answer cannot be read: {error!r}"))
        if attempt.findings:
            outcome, reason = Outcome.failed, ""
        seconds = time.monotonic() - started
        return Result(label, probe.subject, outcome, reason, tuple(attempt.findings), seconds)

    def _route(self, label: str) -> Answer:
        """The answer to a request that changes nothing: its ids or its body are invalid."""
        method, _, template = label.partition(" ")
        body: dict[str, Any] = {} if method == "GET" else {"body": "treadle-conform"}
        try:
            return self._target.caller.send(Call.of(method, template.format(**MALFORMED), **body))
        except OSError as error:
            raise Unusable(str(error)) from None
        except Broken:  # the route is there, and its checks will say what is wrong with it
            return Answer(200, {}, b"")

    def _find_assistant(self) -> None:
        """Learn whether the probe graphs are served. Raises Unusable if no run can be created at all."""
        target = self._target
        target.graphs = self._refusal(ECHO, {"given": 1}) is None
        if not target.assistant:
            if not target.graphs and set(CREATES) & target.offered:
                raise Unusable(
                    "name a graph of the server with --assistant and --input, "
                    "or let it serve the graphs that `treadle conform --graphs DIR` writes"
                )
            target.assistant, target.input = ECHO, {"given": 1}
        elif (refusal := self._refusal(target.assistant, target.input)) is not None:
            raise Unusable(f"--assistant {target.assistant}: {refusal}")

    def _look_again(self) -> None:
        """Try missing operations on a run that exists: some servers answer 404 to a malformed id."""
        target = self._target
        missing = [label for label in (*GETS, *JOINS, *STREAMS, *DELETES) if label not in target.offered]
        if RUNS not in target.offered or not missing:
            return
        try:
            created = Attempt(target, RUNS, Probe(ROUTE, (RUNS,), lambda attempt: None)).create(keep=True)
        except Broken:
            return
        for label in missing:
            method, _, template = label.partition(" ")
            if created.thread_id is None and "{thread_id}" in template:
                continue
            try:
                found = target.caller.send(Call.of(method, template.format(**created.ids))).status < 400
            except Broken:
                found = True
            if found:
                target.offered.add(label)

    def _refusal(self, assistant: str, given: Any) -> str | None:
        """Why no operation creates a run of an assistant; None if one does."""
        refusal = None
        for label in CREATES:
            if label not in self._target.offered:
                continue
            run = {"assistant_id": assistant, "input": given}
            call = Call.of("POST", label.split(" ")[1], body=[run] if label == BATCH else run)
            try:
                answer = self._target.caller.send(call)
            except Broken:
                return None
            if answer.status < 400:
                return None
            refusal = f"{label} gives {answer.status}: {answer.detail}"
        return refusal

    def _version(self) -> str:
        if INFO not in self._target.offered:
            return "unknown"
        try:
            return str(self._target.caller.send(Call.of("GET", "/info")).json.get("version", "unknown"))
        except (Broken, AttributeError):
            return "unknown"

    def _clean_up(self) -> None:
        for thread_id in self._target.kept:
            try:
                self._target.caller.send(Call.of("DELETE", f"/threads/{thread_id}"))
            except (OSError, Broken):
                return
