"""`treadle run`: one run without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.processes import Finished, check_refusal, invoke, treadle
from tests.live import EXAMPLES, GRAPHS

ASSISTANT = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"


def run(graph: str, *arguments: str, given: Any = None) -> Finished:
    """Run a graph on an input given at standard input."""
    return invoke("run", graph, "--config", GRAPHS, "--input", "-", *arguments, given=json.dumps(given))


def test_in_a_process_of_its_own() -> None:
    done = treadle("run", "simple", "--config", GRAPHS, "--input", "-", given='{"foo": 1}')
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"foo": 1, "items": ["a", "b"]}
    failed = treadle("run", "failing", "--config", GRAPHS, "--input", "-", given='{"foo": "value"}')
    assert failed.returncode == 1
    check_refusal(treadle("run", "simple", "--config", GRAPHS, "--input", "-", given="{not json"), "JSON")


@pytest.mark.parametrize("graph", ["simple", ASSISTANT], ids=["graph id", "assistant id"])
def test_the_outcome_is_printed(graph: str) -> None:
    done = run(graph, given={"foo": 2**70})
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"foo": 2**70, "items": ["a", "b"]}


def test_the_input_may_be_a_file() -> None:
    greeting = EXAMPLES.parent / "greeting.json"
    done = invoke("run", "agent", "--config", EXAMPLES, "--input", greeting)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["messages"][-1]["content"].startswith("Hello Bagatur!")


def test_the_configuration_is_looked_for_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GRAPHS.parent)
    done = invoke("run", "simple", "--input", "-", given="{}")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"items": ["a", "b"]})


def test_events_are_printed_as_they_come() -> None:
    done = run("builder", "--stream-mode", "updates", "--stream-mode", "custom", given={"foo": 1})
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert [name for name, _ in lines] == ["metadata", "custom", "updates"]
    assert [json.loads(data) for _, data in lines[1:]] == [{"progress": 1}, {"first": {"items": ["a"]}}]


def test_an_interrupt_is_an_outcome() -> None:
    done = run("asking", given={"foo": 1})
    assert done.returncode == 0
    assert json.loads(done.stdout)["__interrupt__"][0]["value"] == {"question": "sure?"}


@pytest.mark.parametrize("arguments", [(), ("--stream-mode", "values")], ids=["outcome", "events"])
@pytest.mark.parametrize("given", ["value", "exit"])
def test_a_graph_that_fails_is_exit_code_1(given: str, arguments: tuple[str, ...]) -> None:
    done = run("failing", *arguments, given={"foo": given})
    assert done.returncode == 1
    shown = done.stdout.splitlines()[-1] if arguments else done.stdout
    assert {"value": "ValueError", "exit": "SystemExit"}[given] in shown


def test_a_large_outcome_is_whole() -> None:
    done = run("builder", given={"foo": "x" * 1_000_000})
    assert json.loads(done.stdout)["foo"] == "x" * 1_000_000


@pytest.mark.parametrize("text", ["", "{not json", "{} {}", '"\\ud800"'])
def test_an_input_that_is_not_json(text: str) -> None:
    check_refusal(invoke("run", "simple", "--config", GRAPHS, "--input", "-", given=text), "JSON")


def test_a_graph_that_is_not_there() -> None:
    check_refusal(run("unknown", given={}), "unknown", "simple, slow, failing")


def test_an_assistant_that_is_not_there() -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    check_refusal(run(unknown, given={}), unknown)


def test_a_stream_mode_that_is_not_there() -> None:
    done = run("simple", "--stream-mode", "bogus", given={})
    assert (done.returncode, done.stdout) == (2, "")
    assert "bogus" in done.stderr


def test_an_input_file_that_is_not_there() -> None:
    done = invoke("run", "simple", "--config", GRAPHS, "--input", "no-such-file.json")
    assert done.returncode == 2
    assert "no-such-file.json" in done.stderr
