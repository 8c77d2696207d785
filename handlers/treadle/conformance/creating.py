"""Checks of the operations that create runs: their answers, links and refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from treadle.conformance.answers import run_of
from treadle.conformance.attempts import Attempt, Probe
from treadle.conformance.contract import Contract
from treadle.conformance.operations import BATCH, CREATES, RUNS, STREAM, WAIT
from treadle.conformance.verdicts import require

INVALID: tuple[Any, ...] = (5, "treadle-conform", [5], {"treadle-conform": 5}, True, None)
"""For a field, the first of these that the contract does not allow."""


def probes(contract: Contract) -> list[Probe]:
    """All checks of this module."""
    invalid: dict[str, list[str]] = {}
    for label in CREATES:
        for name in contract.fields(label):
            if any(contract.refuses(label, name, value) for value in INVALID):
                invalid.setdefault(name, []).append(label)
    return [
        Probe("a run", CREATES, _answer),
        Probe("order of events", (STREAM,), _order),
        Probe("two runs", (BATCH,), _two_runs),
        Probe("links", (RUNS, WAIT, STREAM), _links, keeps=True),
        Probe("unknown assistant", CREATES, _unknown_assistant, "assistant_id"),
        Probe("unknown graph", CREATES, _unknown_graph, "assistant_id"),
        Probe("no assistant", CREATES, _no_assistant, "assistant_id"),
        Probe("no JSON", CREATES, _no_json),
        *(Probe(f"invalid {name}", tuple(labels), _refusal(name), name) for name, labels in invalid.items()),
    ]


def _answer(attempt: Attempt) -> None:
    created = attempt.create()
    place = f"{attempt.target.contract.pointers[attempt.operation]}/responses/200"
    if created.shown is not None:
        status = created.shown.get("status")
        require(status == "pending", f"the status of a new run is {status!r}, and not 'pending'", place)
    location = created.answer.headers.get("content-location")
    if attempt.operation != BATCH and location is not None:
        found, place = run_of(location), f"{place}/headers/Content-Location"
        require(found == created.run_id, f"Content-Location is {location}, the run is {created.run_id}", place)
    if attempt.operation in (RUNS, BATCH):
        attempt.until(created, "success", "error")


def _order(attempt: Attempt) -> None:
    created = attempt.create()
    attempt.require_order(created.answer, created.run_id, resumable=False)


def _two_runs(attempt: Attempt) -> None:
    bodies = [attempt.body(metadata={"conform": name}) for name in ("first", "second")]
    runs = attempt.send(body=bodies).json
    require(isinstance(runs, list), f"the answer is no list: {runs!r:.200}")
    marks = [(run.get("metadata") or {}).get("conform") for run in runs]
    require(marks == ["first", "second"], f"the runs of the request come back as {marks}")
    require(len({run["run_id"] for run in runs}) == 2, "two runs have one id")


def _links(attempt: Attempt) -> None:
    created = attempt.create(keep=True)
    if attempt.operation == RUNS:
        attempt.until(created, "success", "error")
    contract, headers = attempt.target.contract, created.answer.headers
    readable = [label for label in contract.pointers if label.startswith("GET ")]
    for header in ("Content-Location", "Location"):
        path = attempt.target.caller.within(headers.get(header.lower(), ""))
        for label in readable:
            ids = _ids(label, path)
            if ids is None:
                continue
            status = attempt.send(label, ids=ids).status
            place = f"{contract.pointers[attempt.operation]}/responses/200/headers/{header}"
            require(status == 200, f"{header} leads to {label}, which gives {status}", place)
            break


def _ids(label: str, path: str) -> dict[str, str] | None:
    """The ids in a path of an operation; None if it is the path of another one."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", label.removeprefix("GET "))
    found = re.fullmatch(pattern, path)
    return found and found.groupdict()


def _unknown_assistant(attempt: Attempt) -> None:
    attempt.require_refusal(attempt.body(assistant_id=str(uuid4())), 404, "an assistant that does not exist")


def _unknown_graph(attempt: Attempt) -> None:
    name = "treadle-conform-no-such-graph"
    attempt.require_refusal(attempt.body(assistant_id=name), 422, "a graph that does not exist")


def _no_assistant(attempt: Attempt) -> None:
    attempt.require_refusal({"input": attempt.target.input}, 422, "a run without an assistant")


def _no_json(attempt: Attempt) -> None:
    attempt.require_status(attempt.send(content=b'{"assistant_id": '), 422, "a body that is no JSON")


def _refusal(name: str) -> Callable[[Attempt], None]:
    def check(attempt: Attempt) -> None:
        contract = attempt.target.contract
        value = next(value for value in INVALID if contract.refuses(attempt.operation, name, value))
        attempt.require_refusal(attempt.body(**{name: value}), 422, f"{json.dumps(value)} as {name}")

    return check
