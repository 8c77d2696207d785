"""Counts the NDJSON events that Schemathesis recorded of a run: the requests and answers of each operation."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.facts import facts
from tests.contract.faults import Faults

Json = dict[str, Any]
OTHER = "other methods"


@dataclass(slots=True)
class Tally:
    """The cases of one operation that were really sent."""

    cases: int = 0
    positive: int = 0
    reached: int = 0
    """Positive cases answered with 2xx."""
    ended: int = 0
    """Positive cases whose answer tells how the run ended."""
    succeeded: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failed_checks: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """The part of the positive cases that reached 2xx."""
        return self.reached / self.positive if self.positive else 0.0


@dataclass(slots=True)
class Report:
    """The tallies of all operations, and the links, events and facts that were seen."""

    tallies: dict[str, Tally]
    phases: Counter[str] = field(default_factory=Counter)
    links: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    """Names of the events in streams, without namespace and part: `messages` for `messages/partial|child`."""
    facts: Counter[str] = field(default_factory=Counter)
    """Facts of threads that were seen (facts.py)."""
    faults: Faults = field(default_factory=Faults)
    """What was found, once for each cause."""
    errors: list[str] = field(default_factory=list)
    """Errors that stopped Schemathesis from judging: a broken check, a lost connection."""

    @classmethod
    def of(cls, operations: Iterable[str]) -> Report:
        """An empty report on some operations."""
        return cls({label: Tally() for label in (*operations, OTHER)})

    @property
    def unreached(self) -> list[str]:
        """The operations that have answered no valid request with 2xx."""
        return [label for label, tally in self.tallies.items() if label != OTHER and not tally.reached]

    def read(self, path: Path) -> None:
        """Add the events of a file."""
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                self.add(json.loads(line))

    def add(self, record: Json) -> None:
        """Add one event."""
        self.faults.add(record)
        for kind, event in record.items():
            if kind == "ScenarioFinished":
                self._add_scenario(event)
            elif kind in ("NonFatalError", "FatalError"):
                self.errors.append(f"{kind}: {json.dumps(event)[:500]}")

    def _add_scenario(self, scenario: Json) -> None:
        recorder = scenario["recorder"]
        interactions, checks = recorder.get("interactions", {}), recorder.get("checks", {})
        for case_id, node in recorder.get("cases", {}).items():
            if case_id in interactions:
                self._add_case(node["value"], interactions[case_id].get("response"), checks.get(case_id, []))
                self.phases[scenario["phase"]] += 1
            if node.get("is_transition_applied"):
                self.links[_link(node["transition"]["id"])] += 1

    def _add_case(self, case: Json, response: Json | None, checks: list[Json]) -> None:
        label = f"{case['method']} {case['path']}"
        tally = self.tallies.get(label, self.tallies[OTHER])
        status = response["status_code"] if response else None
        tally.cases += 1
        tally.statuses[str(status or "no answer")] += 1
        tally.failed_checks.update(check["name"] for check in checks if check["status"] != "success")
        streamed = _event_names(response) if response else []
        self.events.update(name.partition("|")[0].partition("/")[0] for name in streamed)
        if response and status == 200:
            self.facts.update(facts(label, _json(response)))
        if case["meta"]["generation"]["mode"] != "positive":
            return
        tally.positive += 1
        if response and status and 200 <= status < 300:
            tally.reached += 1
            if case["method"] == "POST" and (outcome := _outcome(response, streamed)) is not None:
                tally.ended += 1
                tally.succeeded += outcome


def _link(transition: str) -> tuple[str, str]:
    """`POST /runs -> [200] getRun -> GET /runs/{run_id}` -> (`POST /runs`, `getRun`)."""
    source, name, _ = transition.split(" -> ")
    return source, name.partition("] ")[2]


def _event_names(response: Json) -> list[str]:
    if not _header(response, "content-type").startswith("text/event-stream"):
        return []
    lines = _content(response).decode("utf-8", "replace").split("\r\n")
    return [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]


def _outcome(response: Json, streamed: list[str]) -> bool | None:
    """Whether the run of an answer succeeded; None if the answer does not tell."""
    if streamed:
        return "error" not in streamed
    body = _json(response)
    if body is None:
        return None
    pending = isinstance(body, dict) and "run_id" in body and "status" in body
    return None if pending else not (isinstance(body, dict) and "__error__" in body)


def _json(response: Json) -> Any:
    try:
        return json.loads(_content(response))
    except ValueError:
        return None


def _header(response: Json, name: str) -> str:
    values: list[str] = next((value for key, value in response["headers"].items() if key.lower() == name), [""])
    return values[0]


def _content(response: Json) -> bytes:
    content = response.get("content")
    return base64.b64decode(content["$base64"]) if isinstance(content, dict) else b""
