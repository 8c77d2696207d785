"""One check of one operation: it sends requests, judges each answer by the contract, and collects findings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from treadle.conformance import streams
from treadle.conformance.answers import run_of
from treadle.conformance.calls import ABSENT, Answer, Call, Caller
from treadle.conformance.contract import Contract
from treadle.conformance.operations import BATCH, GETS, JOINS, STREAM, WAIT
from treadle.conformance.results import Finding
from treadle.conformance.verdicts import Broken, NotOffered, NotTried, require

Json = dict[str, Any]
PATIENCE = 10.0
"""Seconds that a run may take to get where a check expects it."""


@dataclass
class Target:
    """The server under test, and what its checks may use."""

    contract: Contract
    caller: Caller
    assistant: str
    input: Any
    graphs: bool = False
    """Whether it serves the probe graphs."""
    read_only: bool = False
    offered: set[str] = field(default_factory=set)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    """Operation -> the statuses that it has answered with."""
    kept: set[str] = field(default_factory=set)
    """The threads of kept runs, which are deleted at the end."""


@dataclass(frozen=True, slots=True)
class Created:
    """A created run. `thread_id` is None where the answer does not name it."""

    answer: Answer
    run_id: str
    thread_id: str | None
    shown: Json | None = None
    """The Run object, if the answer has it."""

    @property
    def ids(self) -> dict[str, str]:
        """The parameters of its paths."""
        return {"run_id": self.run_id} | ({"thread_id": self.thread_id} if self.thread_id else {})


@dataclass(frozen=True, slots=True)
class Probe:
    """A check that applies to some operations."""

    subject: str
    operations: tuple[str, ...]
    check: Callable[[Attempt], None]
    field: str | None = None
    """The field of the request that it is about."""
    graphs: bool = False
    """Whether it needs the probe graphs."""
    keeps: bool = False
    """Whether it needs a kept run: not with `--read-only`."""


class Attempt:
    """A probe, applied to an operation of the server."""

    def __init__(self, target: Target, operation: str, probe: Probe) -> None:
        self.target = target
        self.operation = operation
        self.findings: list[Finding] = []
        self._probe = probe
        method, _, path = operation.partition(" ")
        self._last = Call(method, path)
        self._created_by: Call | None = None

    def found(self, broken: Broken) -> None:
        """Note a finding; it names the last request."""
        contract = self.target.contract
        default = contract.pointers[self.operation]
        if self._probe.field is not None:
            default = contract.field(self.operation, self._probe.field)
        self._note(broken.problem, broken.pointer or default)

    def send(
        self,
        operation: str | None = None,
        *,
        ids: Mapping[str, str] | None = None,
        body: Any = ABSENT,
        content: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request to an operation, and judge the answer by the contract."""
        operation = operation or self.operation
        method, _, template = operation.partition(" ")
        call = Call.of(method, template.format(**(ids or {})), body=body, query=query or {}, headers=headers or {})
        if content is not None:
            call = Call(call.method, call.path, call.query, call.headers, content)
        self._last = call
        answer = self.target.caller.send(call)
        self.target.statuses.setdefault(operation, set()).add(answer.status)
        for fault in self.target.contract.faults(operation, answer.status, answer.headers, answer.content):
            self._note(fault.problem, fault.pointer, operation)
        return answer

    def require_status(self, answer: Answer, status: int, what: str) -> None:
        """Raise Broken, with the place of the status in the contract, if the answer has another one."""
        place = f"{self.target.contract.pointers[self.operation]}/responses/{status}"
        require(answer.status == status, f"{what} gives {answer.status}, and not {status}", place)

    def require_refusal(self, body: Any, status: int, what: str) -> None:
        """Send a run that has to be refused."""
        self.require_status(self.send(body=[body] if self.operation == BATCH else body), status, what)

    def require_order(self, answer: Answer, run_id: str, *, resumable: bool) -> None:
        """Raise Broken if the events of a whole stream are not ordered as recorded."""
        try:
            streams.verify(answer.events, run_id=run_id, from_start=True, resumable=resumable)
        except Broken as broken:
            raise Broken(broken.problem, f"{self.target.contract.pointers[self.operation]}/responses/200") from None

    def body(self, **fields: Any) -> Json:
        """A run of the given assistant, with more fields."""
        return {"assistant_id": self.target.assistant, "input": self.target.input, **fields}

    def create(self, operation: str | None = None, *, keep: bool = False, **fields: Any) -> Created:
        """Create a run. Raises NotOffered if the server refuses the field of the probe by its name."""
        operation = operation or self.operation
        body = self.body(**fields)
        if keep and not self.target.read_only:
            body.setdefault("on_completion", "keep")
        answer = self.send(operation, body=[body] if operation == BATCH else body)
        self._created_by = self._last
        self._accepted(answer)
        created = _created(operation, answer)
        if body.get("on_completion") == "keep" and created.thread_id:
            self.target.kept.add(created.thread_id)
        return created

    def leave(self, **fields: Any) -> Created:
        """Create a run, and close the connection after the head of the answer, or the first bytes of a stream."""
        method, _, path = self.operation.partition(" ")
        self._last = Call.of(method, path, body=self.body(**fields))
        with self.target.caller.open(self._last) as response:
            if response.status_code != 200:
                self._accepted(Answer(response.status_code, response.headers, response.read()))
            if self.operation == STREAM:
                next(response.iter_bytes(), None)
        created = _created(self.operation, Answer(response.status_code, response.headers, b""))
        if created.thread_id:
            self.target.kept.add(created.thread_id)
        return created

    def outcome(self, **fields: Any) -> Any:
        """The values that a run ends with, or `{"__error__": …}`."""
        at_once = self.operation in (WAIT, STREAM)
        created = self.create(keep=not at_once, **fields)
        if self.operation == WAIT:
            return created.answer.json
        if self.operation == STREAM:
            return _last_values(created.answer.events)
        return self.joined(created)

    def success(self, **fields: Any) -> Any:
        """The values of a run that ends with success."""
        values = self.outcome(**fields)
        failure = values.get("__error__") if isinstance(values, dict) else None
        require(failure is None, f"the run fails: {json.dumps(failure)}")
        return values

    def joined(self, created: Created) -> Any:
        """The outcome of a run, from the first operation that can be asked for it."""
        return self.send(self._reading(JOINS, created), ids=created.ids).json

    def run(self, created: Created) -> Json | None:
        """The run as it is now; None if it is not found."""
        answer = self.send(self._reading(GETS, created), ids=created.ids)
        return answer.json if answer.status == 200 else None

    def until(self, created: Created, *statuses: str) -> str | None:
        """Wait until the run has one of the statuses. Returns its last status; None if it is not found."""
        deadline = time.monotonic() + PATIENCE
        while True:
            run = self.run(created)
            status = run.get("status") if run is not None else None
            if status in statuses or run is None or time.monotonic() > deadline:
                return status
            time.sleep(0.05)

    def _reading(self, operations: tuple[str, ...], created: Created) -> str:
        for operation in operations:
            if operation in self.target.offered and (created.thread_id or "{thread_id}" not in operation):
                return operation
        raise NotTried(f"it needs {' or '.join(operations)}")

    def _accepted(self, answer: Answer) -> None:
        if 200 <= answer.status < 300:
            return
        name = self._probe.field
        if name is not None and answer.status < 500 and not self.findings and name in answer.detail:
            raise NotOffered(answer.detail)
        raise Broken(f"a valid request is refused with {answer.status}: {answer.detail:.200}")

    def _note(self, problem: str, pointer: str, operation: str | None = None) -> None:
        contract, caller = self.target.contract, self.target.caller
        calls = [self._last]
        if operation is None and self._created_by not in (None, self._last):
            # What a run does shows in a later request; the one that created it is what repeats the finding.
            calls = [call for call in (self._created_by, self._last) if call is not None]
        curl = " && ".join(caller.curl(call) for call in calls)
        self.findings.append(Finding(operation or self.operation, problem, pointer, contract.line(pointer), curl))


def _created(operation: str, answer: Answer) -> Created:
    """The run that an answer tells of. Raises Broken if it tells of none."""
    location = answer.headers.get("content-location")
    if operation in (WAIT, STREAM):
        run_id = run_of(location)
        thread = (location or "").split("/")[2] if (location or "").startswith("/threads/") else None
        require(run_id, f"content-location names no run: {location!r}")
        return Created(answer, run_id or "", thread)
    shown = answer.json
    if operation == BATCH:
        require(isinstance(shown, list) and len(shown) == 1, f"the answer is no list of one run: {shown!r:.200}")
        shown = shown[0]
    require(isinstance(shown, dict) and isinstance(shown.get("run_id"), str), f"the answer is no run: {shown!r:.200}")
    return Created(answer, shown["run_id"], shown.get("thread_id"), shown)


def _last_values(events: list[streams.Event]) -> Any:
    if events and events[-1].name == "error":
        return {"__error__": events[-1].data}
    values = [event.data for event in events if event.name == "values"]
    return values[-1] if values else {}
