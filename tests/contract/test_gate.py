"""The gate fails a run of the fuzzer that shows nothing, whatever Schemathesis reports."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract import gate
from tests.contract.report import OTHER, Report

WAIT, OK = "POST /runs/wait", "GET /ok"
ALL_OF_STATES = ["selected state", "state inside a state"]
Json = dict[str, Any]


def case(label: str, status: int | None, *, mode: str = "positive", body: bytes = b"{}", failed: str = "") -> Json:
    """One case as Schemathesis records it in a scenario of its own."""
    method, path = label.split(" ")
    answer = {
        "status_code": status,
        "headers": {"Content-Type": ["text/event-stream" if body.startswith(b"event") else "application/json"]},
        "content": {"$base64": base64.b64encode(body).decode()},
    }
    recorder = {
        "cases": {"c": {"value": {"method": method, "path": path, "meta": {"generation": {"mode": mode}}}}},
        "interactions": {"c": {"response": answer} if status else {}},
        "checks": {"c": [{"name": failed, "status": "failure"}]} if failed else {},
    }
    return {"ScenarioFinished": {"phase": "fuzzing", "recorder": recorder}}


def report(*counted: tuple[int, Json]) -> Report:
    """A report on some cases, each so many times."""
    made = Report.of([WAIT, OK])
    for count, record in counted:
        for _ in range(count):
            made.add(record)
    return made


def judge(made: Report) -> Mapping[str, tuple[str, ...]]:
    """The reasons of each verdict."""
    demands = gate.Demands(creates=[WAIT], facts=())
    return {verdict.name: verdict.reasons for verdict in gate.verdicts(made, demands)}


GOOD = [(30, case(WAIT, 200)), (30, case(WAIT, 422, mode="negative")), (1, case(OK, 200))]


def test_valid_data_that_gets_through_is_green() -> None:
    assert not any(judge(report(*GOOD)).values())


@pytest.mark.parametrize("status", [404, 409, 422, 500, None])
def test_valid_data_that_does_not_get_through_is_red(status: int | None) -> None:
    assert not judge(report(*GOOD, (3, case(WAIT, status))))[WAIT]
    (reason,) = judge(report(*GOOD, (4, case(WAIT, status))))[WAIT]
    assert reason == "30 of 34 cases of valid data reached 2xx: less than 90%"


def test_a_server_that_finds_nothing_is_red() -> None:
    reasons = judge(report((50, case(WAIT, 404)), (50, case(OK, 404))))
    assert reasons[OK] == ("no valid data reached 2xx",)
    assert "0 of 50 cases of valid data reached 2xx: less than 90%" in reasons[WAIT]


def test_too_few_cases_show_nothing() -> None:
    assert judge(report((19, case(WAIT, 200))))[WAIT] == ("19 cases of valid data are fewer than 20",)
    assert judge(report())[OK] == ("never called",)
    assert judge(report((9, case(OK, 422, mode="negative"))))[OK] == ("no valid data reached 2xx",)


@pytest.mark.parametrize("body", [b'{"__error__":{}}', b"event: metadata\r\n\r\nevent: error\r\n\r\n"])
def test_runs_that_all_fail_show_nothing(body: bytes) -> None:
    assert judge(report((30, case(WAIT, 200, body=body))))[WAIT] == ("0 of 30 runs succeeded: less than 33%",)
    assert not judge(report((30, case(WAIT, 200, body=body)), (20, case(WAIT, 200))))[WAIT]


def test_a_failed_check_is_red_where_it_failed() -> None:
    reasons = judge(report(*GOOD, (1, case(OK, 500, failed="not_a_server_error"))))
    assert reasons[OK] == ("not_a_server_error failed in 1 cases",) and not reasons[WAIT]
    reasons = judge(report(*GOOD, (2, case("PUT /ok", 200, mode="negative", failed="unsupported_method"))))
    assert reasons["methods that are not declared"] == ("unsupported_method failed in 2 cases",)


def test_links_and_modes_have_to_be_seen() -> None:
    made = report((1, case(WAIT, 200, body=b"event: messages/partial|child\r\n\r\n")))
    transition = {"is_transition_applied": True, "transition": {"id": f"{WAIT} -> [200] getRun -> GET /runs/{{id}}"}}
    followed = case(OK, 200)
    followed["ScenarioFinished"]["recorder"]["cases"]["c"] |= transition
    made.add(followed)
    demands = gate.Demands(
        links=[(WAIT, "getRun"), (WAIT, "join")], modes=["messages", "messages-tuple", "values"], facts=()
    )
    reasons = {verdict.name: verdict.reasons for verdict in gate.verdicts(made, demands)}
    assert reasons["links"] == (f"not followed: join of {WAIT}",)
    assert reasons["stream modes"] == ("no event of values",)
    assert str(gate.unmet(made, demands)) == f"join of {WAIT}"


def test_declared_statuses_have_to_be_seen() -> None:
    made = report(*GOOD)
    demands = gate.Demands(creates=[WAIT], statuses={WAIT: ["200", "404", "409", "503"], OK: ["200", "422"]}, facts=())
    reasons = {verdict.name: verdict.reasons for verdict in gate.verdicts(made, demands)}
    assert reasons["statuses"] == (f"no 422 of {OK}",)
    made.add(case(OK, 422, mode="negative"))
    assert not gate.unmet(made, demands)


def test_an_operation_that_was_not_reached_is_tried_again() -> None:
    made = report(*GOOD[:2], (1, case(OK, 404)))
    assert gate.unmet(made, gate.Demands(facts=())).statuses == [(OK, "2xx")]


THREAD: Json = {"thread_id": "t", "status": "busy", "ttl": {"ttl_minutes": 1}}
STATE: Json = {"checkpoint": {"checkpoint_ns": ""}, "tasks": [{"state": None}]}


@pytest.mark.parametrize(
    ("label", "answer", "met"),
    [
        ("POST /threads", THREAD, ["busy thread", "thread with a lifetime"]),
        ("GET /threads/{thread_id}", {"status": "error", "error": {}, "interrupts": {"a": []}}, ["interrupted thread"]),
        ("GET /threads/{thread_id}", {"status": "error", "error": {"error": "E"}, "interrupts": {}}, ["failed thread"]),
        ("GET /threads/{thread_id}/state", STATE, ["state with a checkpoint"]),
        ("GET /threads/{thread_id}/state", STATE | {"checkpoint": None}, []),
        ("POST /threads/{thread_id}/state/checkpoint", {"tasks": [{"state": STATE}]}, ALL_OF_STATES),
        ("GET /threads/{thread_id}/history", [STATE], []),
        ("GET /threads/{thread_id}/history", [STATE, {}], ["history of several states"]),
        ("POST /threads/{thread_id}/history", [{"checkpoint": {"checkpoint_ns": "a:1"}}], ["history of a subgraph"]),
        ("GET /ok", THREAD, []),
    ],
)
def test_what_was_met_of_threads_is_told(label: str, answer: Any, met: list[str]) -> None:
    made = Report.of([label])
    made.add(case(label, 200, body=json.dumps(answer).encode()))
    assert list(made.facts) == met
    unmet = gate.unmet(made, gate.Demands(facts=(*met, "flying thread")))
    assert unmet.facts == ["flying thread"] and str(gate.unmet(made, gate.Demands(facts=met))) == "nothing"


def test_what_stopped_schemathesis_is_kept() -> None:
    made = report((1, {"NonFatalError": {"value": {"type": "ReadTimeout"}}}), (1, {"EngineStarted": {}}))
    assert "ReadTimeout" in made.errors[0] and len(made.errors) == 1


def test_the_table_has_every_operation() -> None:
    lines = list(gate.table(report(*GOOD)))
    assert [line.split("  ")[0].strip() for line in lines] == ["operation", WAIT, OK, OTHER]
    assert "100.0%" in lines[1] and "200: 30  422: 30" in lines[1]


def test_records_are_read_from_a_file(tmp_path: Any) -> None:
    (tmp_path / "events.ndjson").write_text("\n".join(json.dumps(record) for _, record in GOOD))
    made = Report.of([WAIT, OK])
    made.read(tmp_path / "events.ndjson")
    assert made.tallies[WAIT].cases == 2 and made.phases["fuzzing"] == 3
