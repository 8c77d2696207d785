"""`treadle run`: one run without a server."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import Finished, check_refusal, command, environment, invoke, treadle, treadle_from_scratch
from tests.live import DEADLINE, EXAMPLES, GRAPHS, until
from treadle.cli import StreamMode
from treadle.web.binding import Contract

ASSISTANT = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"


def run(graph: str, *arguments: str, given: Any = None) -> Finished:
    """Run a graph on an input given at standard input."""
    return invoke("run", graph, "--config", GRAPHS, "--input", "-", *arguments, given=json.dumps(given))


def test_in_a_process_of_its_own() -> None:
    done = treadle_from_scratch("run", "simple", "--config", GRAPHS, "--input", "-", given='{"foo": 1}')
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
    check_refusal(invoke("run", "simple", "--config", GRAPHS, "--input", "-", given=text), "JSON", "--input -")
    check_refusal(invoke("run", "simple", text, "--config", GRAPHS), "JSON", "INPUT", "--input FILE")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{\n "foo": }', ["line 2, column 9"]),
        (b'{\n "foo": 12345678901234567890, }', ["line 2, column"]),
        (b"\x89PNG\r\n", ["UTF-8"]),
        ('{"foo": 1}'.encode("utf-16"), ["UTF-8"]),
        (b" \n", ["empty"]),
        (b"[" * 500 + b"]" * 500, ["levels"]),
        (None, ["no such file"]),
    ],
    ids=["a comma", "a long number", "binary", "UTF-16", "empty", "deep", "missing"],
)
def test_an_input_file_that_is_of_no_use_is_named_in_one_line(
    tmp_path: Path, content: bytes | None, said: list[str]
) -> None:
    file = tmp_path / "in.json"
    if content is not None:
        file.write_bytes(content)
    check_refusal(invoke("run", "simple", "--config", GRAPHS, "--input", file), f"--input {file}", *said)


def test_an_input_file_that_is_a_folder(tmp_path: Path) -> None:
    check_refusal(invoke("run", "simple", "--config", GRAPHS, "--input", tmp_path), str(tmp_path), "folder")


def test_an_input_file_of_an_editor_that_marks_utf_8(tmp_path: Path) -> None:
    tmp_path.joinpath("in.json").write_text('{"foo": "é"}', "utf-8-sig")
    done = invoke("run", "simple", "--config", GRAPHS, "--input", tmp_path / "in.json")
    assert json.loads(done.stdout)["foo"] == "é"


def test_the_input_is_given_once() -> None:
    for given in ((), ("{}", "--input", "-")):
        check_refusal(invoke("run", "simple", *given, "--config", GRAPHS, given="{}"), "once", "--input FILE")


@pytest.mark.parametrize("option", ["--context", "--config-json"])
@pytest.mark.parametrize("value", ["", "{", "5", '{"configurable": 5}'])
def test_an_option_that_is_no_object(option: str, value: str) -> None:
    if option == "--context" and value.startswith('{"'):
        return  # any object may be a context
    refusal = invoke("run", "simple", "{}", "--config", GRAPHS, option, value)
    check_refusal(refusal, "configurable" if value.startswith('{"') else option)


def test_a_graph_that_is_not_there() -> None:
    check_refusal(run("unknown", given={}), "unknown", "simple, slow, failing")


def test_an_assistant_that_is_not_there() -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    check_refusal(run(unknown, given={}), unknown)


def test_a_stream_mode_that_is_not_there() -> None:
    done = run("simple", "--stream-mode", "bogus", given={})
    assert (done.returncode, done.stdout) == (2, "")
    for name in ("bogus", *StreamMode):
        assert name in done.stderr


def test_the_stream_modes_are_those_of_the_contract() -> None:
    asked = Contract.load().document["components"]["schemas"]["RunCreateStateless"]["properties"]["stream_mode"]
    assert set(StreamMode) == set(asked["anyOf"][1]["enum"])


def test_subgraphs_without_a_stream() -> None:
    check_refusal(run("nested", "--subgraphs", given={}), "--subgraphs", "--stream-mode")


# Input and output


def test_the_input_may_stand_behind_the_graph() -> None:
    done = invoke("run", "simple", '{"foo": "é"}', "--config", GRAPHS)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"foo": "é", "items": ["a", "b"]}


def test_context_and_config() -> None:
    done = run("contextual", "--context", '{"user": "ana"}', given={})
    assert json.loads(done.stdout)["foo"] == {"user": "ana", "limit": 3}
    done = run("echo", "--config-json", '{"configurable": {"label": 1}, "tags": ["t"], "metadata": {"m": 2}}', given={})
    seen = json.loads(done.stdout)["items"][0]
    assert (seen["configurable"]["label"], seen["tags"], seen["metadata"]["m"]) == (1, ["t"], 2)


def test_numbers_stay_exact() -> None:
    assert f'"foo": {2**70 + 1}' in run("simple", given={"foo": 2**70 + 1}).stdout
    assert f'"foo":{2**70 + 1}' in run("simple", "--json", given={"foo": 2**70 + 1}).stdout


def test_the_outcome_may_be_a_line() -> None:
    done = run("simple", "--json", given={"foo": 1})
    assert done.stdout == '{"foo":1,"items":["a","b"]}\n'


def test_events_may_be_json_lines() -> None:
    done = run("nested", "--stream-mode", "updates", "--subgraphs", "--json", given={"foo": 1})
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(event) for event in events] == [{"event", "data"}] * len(events)
    assert [event["event"].partition(":")[0] for event in events] == ["metadata", "updates|child", "updates"], events
    assert events[-1]["data"] == {"child": {"foo": 1, "items": ["a"]}}


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--stream-mode", "values")])
def test_how_a_run_failed_is_the_last_line_of_standard_error(arguments: tuple[str, ...]) -> None:
    done = run("failing", *arguments, given={"foo": "value"})
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("treadle: the run ended with status error: ValueError: ")
    if arguments != ("--stream-mode", "values"):
        assert json.loads(done.stdout)["__error__"]["error"] == "ValueError"


CHATTY = """
print("on import")
from typing_extensions import TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict, total=False):
    seen: str

def node(state):
    print("in a node")
    return {"seen": "it"}

graph = StateGraph(State).add_node(node).add_edge(START, "node").compile()
"""


def test_what_a_graph_prints_does_not_spoil_the_output(tmp_path: Path) -> None:
    tmp_path.joinpath("langgraph.json").write_text('{"graphs": {"g": "./g.py:graph"}}')
    tmp_path.joinpath("g.py").write_text(CHATTY)
    done = treadle("run", "g", "{}", cwd=tmp_path)
    assert json.loads(done.stdout) == {"seen": "it"}
    assert done.stderr.splitlines() == ["on import", "in a node"]


# Early ends


@pytest.mark.parametrize("graph", ["slow", "sleeping"])
def test_ctrl_c_leaves_at_once(graph: str) -> None:
    """Whether its node awaits or blocks its thread."""
    process = subprocess.Popen(
        command("run", graph, '{"foo": "held", "seconds": 600}', "--config", GRAPHS, "--stream-mode", "values"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "values" not in process.stdout.readline():
        assert process.poll() is None
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert time.monotonic() - started < 30  # and not after ten minutes


SLOW_TO_LOAD = "import pathlib, time\npathlib.Path('loading').touch()\ntime.sleep(600)\n"


def test_ctrl_c_leaves_while_a_graph_is_loaded(tmp_path: Path) -> None:
    tmp_path.joinpath("langgraph.json").write_text('{"graphs": {"g": "./g.py:graph"}}')
    tmp_path.joinpath("g.py").write_text(SLOW_TO_LOAD)
    process = subprocess.Popen(
        command("run", "g", "{}"), env=environment(), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    until(tmp_path.joinpath("loading").exists)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=DEADLINE)
    assert (process.returncode, said) == (130, "")


def test_a_reader_that_has_enough() -> None:
    """As in `treadle run … | head -1`."""
    with subprocess.Popen(
        command("run", "slow", '{"seconds": 1}', "--config", GRAPHS, "--stream-mode", "values"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(DEADLINE) == 1


@pytest.mark.parametrize("flags", [[], ["--json"], ["--stream-mode", "values"]])
def test_output_is_utf_8_whatever_the_locale(flags: list[str]) -> None:
    asked: tuple[str | Path, ...] = ("run", "echo", '{"foo": "žluť 🧵"}', "--config", GRAPHS, *flags)
    done = treadle_from_scratch(*asked, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, "žluť 🧵" in done.stdout) == (0, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="nothing here stands for a full disk")
def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        run = command("run", "simple", "{}", "--config", GRAPHS)
        done = subprocess.run(run, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE)
    [line] = done.stderr.splitlines()
    assert (done.returncode, line.startswith("treadle: standard output cannot be written: ")) == (2, True)
