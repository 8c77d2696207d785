"""What stock Schemathesis finds is told in one line for each cause; refusals that no schema can express are known."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.contract.faults import Fault, curl
from tests.contract.report import Report
from tests.contract.stock import REFUSALS, excuse, given_up, judged

Json = dict[str, Any]
DOCUMENTED = Path(__file__).parent.parent.parent / "docs" / "contract-testing.md"
BODY = b'{"webhook": "https://x.example", "it\'s": 1}'


def scenario(*cases: tuple[str, int, str, list[str]]) -> str:
    """The event of a scenario: the operation, status, detail and failed checks of each case."""
    recorder: dict[str, Json] = {"cases": {}, "interactions": {}, "checks": {}}
    for number, (label, status, detail, failed) in enumerate(cases):
        method, path = label.split(" ")
        answer = base64.b64encode(json.dumps({"detail": detail}).encode()).decode()
        recorder["cases"][f"c{number}"] = {
            "value": {"method": method, "path": path, "meta": {"generation": {"mode": "positive"}}}
        }
        recorder["interactions"][f"c{number}"] = {
            "request": {
                "method": method,
                "uri": f"http://127.0.0.1:1{path}?a=b&c=d",
                "headers": {"Content-Type": ["application/json"], "User-Agent": ["x"]},
                "body": {"$base64": base64.b64encode(BODY).decode()},
            },
            "response": {"status_code": status, "headers": {}, "content": {"$base64": answer}},
        }
        recorder["checks"][f"c{number}"] = [
            {
                "name": name,
                "status": "failure",
                "failure_info": {"failure": {"title": f"{name} failed", "message": "as\nit is"}},
            }
            for name in failed
        ]
    return json.dumps({"ScenarioFinished": {"phase": "fuzzing", "recorder": recorder}})


def report_of(*scenarios: str) -> Report:
    """The report on some scenarios."""
    made = Report.of([])
    for each in scenarios:
        made.add(json.loads(each))
    return made


def faults(*scenarios: str) -> list[Fault]:
    return list(report_of(*scenarios).faults)


def test_a_wrong_answer_is_one_fault_without_its_consequences() -> None:
    checks = ["positive_data_acceptance", "response_schema_conformance", "status_code_conformance"]
    [fault] = faults(scenario(("POST /runs", 201, "", checks), ("POST /runs", 200, "", [])))
    assert (fault.operation, fault.check, fault.status) == ("POST /runs", "status_code_conformance", 201)
    assert fault.reason == "status_code_conformance failed: as it is"


def test_a_check_of_our_own_says_more_than_those_of_schemathesis() -> None:
    made = scenario(("POST /runs", 200, "", ["response_schema_conformance", "stream_is_well_formed"]))
    assert [fault.check for fault in faults(made)] == ["stream_is_well_formed"]


def test_the_same_refusal_of_other_values_is_the_same_fault() -> None:
    refused = ["positive_data_acceptance"]
    lines = [scenario(("POST /runs", 422, f"ttl: {number} of '{number}' is wrong", refused)) for number in (1, 22)]
    other = scenario(("POST /runs", 422, "key: is wrong", refused))
    assert [fault.reason for fault in faults(*lines, other)] == ["ttl: 1 of '1' is wrong", "key: is wrong"]


def test_one_cause_is_told_once_however_many_operations_it_spoils() -> None:
    failed = ["answer_is_json_or_stream"]
    made = report_of(*(scenario((label, 422, "", failed)) for label in ("POST /runs", "GET /ok", "POST /runs")))
    [(fault, others)] = made.faults.causes
    assert (fault.operation, others) == ("POST /runs", 1)
    assert fault.told(others).startswith("POST /runs (and 1 more): answer_is_json_or_stream: 422: ")


def test_the_command_sends_the_request_again() -> None:
    [fault] = faults(scenario(("POST /runs", 422, "x", ["positive_data_acceptance"])))
    parts = shlex.split(fault.curl)
    assert parts[:3] == ["curl", "-X", "POST"] and parts[-1] == "http://127.0.0.1:1/runs?a=b&c=d"
    assert parts[parts.index("--data-raw") + 1] == BODY.decode()
    assert "Content-Type: application/json" in parts and not any("User-Agent" in part for part in parts)
    assert shlex.split(curl({"method": "GET", "uri": "http://x/ok"})) == ["curl", "-X", "GET", "http://x/ok"]


SEEN = [
    ("POST /runs/batch", 422, "[0].webhook: x.example is not among the allowed hosts (webhooks.url)"),
    ("PATCH /assistants/{assistant_id}", 400, "context.'a' and config.configurable.'a' have different values"),
    ("POST /runs", 400, "command.resume: there is no thread to resume: Treadle serves no runs on threads"),
    ("GET /runs/{run_id}/feedback/{token}", 422, "score, value, comment: give at least one of them in the query"),
    ("POST /assistants/{assistant_id}/latest", 422, "version: name it, in the body or in the query"),
    ("POST /threads", 422, "supersteps: InvalidUpdateError: Node 'x' does not exist"),
    ("PUT /store/items", 422, "value: Integer exceeds 64-bit range"),
    ("PUT /store/items", 422, "value: PostgreSQL cannot hold this: a text with the character U+0000"),
]


@pytest.mark.parametrize(("refusal", "seen"), [*zip(REFUSALS, SEEN, strict=True)])
def test_a_known_refusal_is_no_finding(refusal: Any, seen: tuple[str, int, str]) -> None:
    label, status, detail = seen
    made = report_of(scenario((label, status, detail, ["positive_data_acceptance"])))
    assert judged(made) == ([], {refusal.title: 1})


@pytest.mark.parametrize(("label", "status", "detail"), SEEN)
def test_anything_else_about_it_is_a_finding(label: str, status: int, detail: str) -> None:
    refused, broken = ["positive_data_acceptance"], ["not_a_server_error", "positive_data_acceptance"]
    others = [
        (label, status, "another reason", refused),
        (label, 500, detail, broken),
        ("GET /ok", status, detail, refused),
        (label, status, detail, ["response_schema_conformance"]),
    ]
    for other in others:
        findings, refused_now = judged(report_of(scenario(other)))
        assert (len(findings), refused_now) == (1, {}), other


def unanswered(*cases: Json) -> Json:
    """The event of a scenario that ended when its last request was not answered."""
    values = {f"c{number}": {"value": {"method": "POST", **case}} for number, case in enumerate(cases)}
    recorder = {"cases": values, "interactions": {f"c{number}": {} for number in range(len(cases) - 1)}}
    return {"ScenarioFinished": {"phase": "stateful", "status": "error", "recorder": recorder}}


def in_time(seconds: Any) -> Json:
    return {"path": "/runs/wait", "body": {"after_seconds": seconds}}


JOIN: Json = {"path": "/runs/{run_id}/join", "method": "GET"}


@pytest.mark.parametrize(
    ("cases", "found"),
    [
        ([in_time(1e7)], ("POST /runs/wait", True)),
        ([{"path": "/runs/batch", "body": [{}, {"after_seconds": 11}]}, JOIN], ("GET /runs/{run_id}/join", True)),
        ([in_time(1e7), in_time(None)], ("POST /runs/wait", False)),
        ([in_time(5), JOIN], ("GET /runs/{run_id}/join", False)),
        ([{"path": "/runs/wait", "body": "x"}], ("POST /runs/wait", False)),
    ],
)
def test_what_waits_for_a_run_that_is_due_later_may_be_given_up(cases: list[Json], found: tuple[str, bool]) -> None:
    assert [*given_up([{"EngineStarted": {}}, unanswered(*cases)])] == [found]


def test_only_known_waits_are_no_errors() -> None:
    timed_out = 'NonFatalError: {"value": {"message": "Read timed out."}, "label": "POST /runs/wait"}'
    for late in (True, False):
        report = report_of()
        report.errors += [timed_out, "FatalError: {}"]
        assert excuse(report, [("POST /runs/wait", late)]) == late
        assert report.errors == (
            ["FatalError: {}"] if late else [timed_out, "FatalError: {}", "no answer: POST /runs/wait"]
        )


def test_each_refusal_is_documented() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    assert [refusal.title for refusal in REFUSALS if f"| {refusal.title} |" not in text] == []


@pytest.mark.parametrize(
    ("kind", "title", "message", "reason"),
    [
        ("Failure", "Custom check failed: `x`", "ids do\nnot increase", "ids do not increase"),
        (
            "JsonSchemaError",
            "Response violates schema",
            "null is not of it\n\nValidated against …\n\nSchema at /properties/id:\n\n    {}\n\nValue:\n\n    null",
            "Response violates schema at /properties/id: null is not of it",
        ),
        (
            "JsonSchemaError",
            "Response header does not conform to the schema",
            '"no" is not one of "true"\n\nSchema:\n\n    {}\n\nValue:\n\n    "no"',
            'Response header does not conform to the schema of X-Is: "no" is not one of "true"',
        ),
        ("MissingHeaders", "Missing", "The following … response:\n- `Location`", "Missing: `Location`"),
        (
            "AcceptedNegativeData",
            "Accepted",
            "Invalid …\nInvalid component: in body - a: wrong",
            "Accepted: in body - a: wrong",
        ),
        ("AcceptedNegativeData", "Accepted", "Invalid …\nInvalid component:\n  - a\n  - b", "Accepted: - a - b"),
        ("Other", "Undocumented status code", "Received: 201", "Undocumented status code: Received: 201"),
    ],
)
def test_a_reason_names_the_place_first(kind: str, title: str, message: str, reason: str) -> None:
    event = json.loads(scenario(("POST /runs", 200, "", ["x"])))
    recorder = event["ScenarioFinished"]["recorder"]
    recorder["interactions"]["c0"]["response"]["headers"] = {"X-Is": ["no"], "X-Other": ["yes"]}
    recorder["checks"]["c0"][0]["failure_info"]["failure"] = {"type": kind, "title": title, "message": message}
    made = Report.of([])
    made.add(event)
    assert [fault.reason for fault in made.faults] == [reason]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("ids do not increase: ['1', '1']", "ids do not increase: ['1', '1', '3', '4", True),
        ("accepted: in body - a -> b: Incorrect type", "accepted: in body - a -> b: Invalid enum value", True),
        ("accepted: in body - a: Incorrect type", "accepted: in body - b: Incorrect type", False),
        ("accepted: Missing required property: a", "accepted: Missing required property: b", False),
        ("a is a required property", "b is a required property", False),
        ("a busy thread tells error", "a busy thread tells interrupts", False),
        (
            "GET /threads/01a1fcc4-be40-7503-a98b-f479b877e3b9 gave 404",
            f"GET /threads/{'9' * 8}-{'a' * 27} gave 404",
            True,
        ),
    ],
)
def test_faults_are_told_apart_by_fields_and_not_by_values(first: str, second: str, same: bool) -> None:
    made = [Fault("POST /runs", "x", 200, reason, "", "") for reason in (first, second)]
    assert (made[0].gist == made[1].gist) == same
