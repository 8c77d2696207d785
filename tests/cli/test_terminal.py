"""Treadle on a terminal: readable runs, a sign of life, and the effect of Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.cli.terminals import COLOUR, on_a_terminal
from tests.live import DEADLINE, GRAPHS

CTRL_C = b"\x03"
SPEAKING = """
import asyncio
from langchain_core.messages import AIMessageChunk
from langgraph.graph import START, MessagesState, StateGraph
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGenerationChunk, ChatResult

class Slow(BaseChatModel):
    _llm_type = "slow"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        for token in ("one ", "two\\x1b[2J ", "three"):
            yield ChatGenerationChunk(message=AIMessageChunk(token))
            await asyncio.sleep(0.8)

async def model(state):
    return {"messages": [await Slow().ainvoke(state["messages"])]}

graph = StateGraph(MessagesState).add_node(model).add_edge(START, "model").compile()
"""


def run(*arguments: str | Path) -> list[str | Path]:
    return ["run", *arguments, "--config", GRAPHS]


def test_the_outcome_is_coloured_json() -> None:
    with on_a_terminal(*run("simple", '{"foo": 1}')) as terminal:
        assert terminal.leave() == 0
    assert json.loads(terminal.text) == {"foo": 1, "items": ["a", "b"]}
    assert COLOUR.search(terminal.shown)


def test_no_color_means_no_colour() -> None:
    for arguments in (("simple", "{}"), ("simple", "{}", "--stream-mode", "values"), ("failing", '{"foo": "own"}')):
        with on_a_terminal(*run(*arguments), NO_COLOR="1") as terminal:
            terminal.leave()
        assert terminal.text
        assert not COLOUR.search(terminal.shown), terminal.shown


def test_json_lines_are_the_same_everywhere() -> None:
    with on_a_terminal(*run("simple", '{"foo": 1}', "--json")) as terminal:
        assert terminal.leave() == 0
    assert terminal.shown == '{"foo":1,"items":["a","b"]}\r\n'


def test_events_are_a_name_and_json() -> None:
    with on_a_terminal(*run("simple", "{}", "--stream-mode", "updates")) as terminal:
        assert terminal.leave() == 0
    assert 'updates  {"first": {"items": ["a"]}}\r\n' in terminal.text


@pytest.mark.parametrize("mode", ["messages", "messages-tuple"])
def test_messages_grow_as_text(tmp_path: Path, mode: str) -> None:
    tmp_path.joinpath("langgraph.json").write_text('{"graphs": {"g": "./g.py:graph"}}')
    tmp_path.joinpath("g.py").write_text(SPEAKING)
    asked = ("run", "g", '{"messages": []}', "--stream-mode", mode)
    with on_a_terminal(*asked, cwd=tmp_path) as terminal:
        terminal.until("one ")
        assert "two" not in terminal.text
        assert terminal.leave() == 0
    # However long its parts take, nothing is printed between them; a message does not move the cursor.
    assert "one two[2J three\r\n" in terminal.shown


def test_whole_messages_are_text_as_well() -> None:
    said = '{"messages": [{"role": "user", "content": "Hi"}]}'
    for mode in ("messages", "messages-tuple"):
        with on_a_terminal(*run("chat", said, "--stream-mode", mode)) as terminal:
            assert terminal.leave() == 0
        assert "Hello world\r\n" in terminal.text
        assert terminal.text.endswith("not streamed\r\n")


def test_a_run_that_fails_says_why_once() -> None:
    with on_a_terminal(*run("failing", '{"foo": "value"}')) as terminal:
        assert terminal.leave() == 1
    assert "__error__" not in terminal.text
    assert terminal.text.splitlines()[-1].startswith("treadle: the run ended with status error: ValueError")


# A sign of life


def test_a_long_run_shows_that_it_lives_and_leaves_no_trace_of_it(tmp_path: Path) -> None:
    asked = run("slow", '{"seconds": 3}')
    with (tmp_path / "out").open("wb") as out, on_a_terminal(*asked, stdout=out.fileno()) as terminal:
        terminal.until("running slow 0:00:0")
        assert terminal.leave() == 0
    assert terminal.shown.endswith("\x1b[2K")  # the line is erased
    assert json.loads(tmp_path.joinpath("out").read_text()) == {"seconds": 3, "done": True}


# Ctrl-C


@pytest.mark.parametrize("graph", ["slow", "sleeping"])
def test_ctrl_c_ends_a_run(graph: str) -> None:
    with on_a_terminal(*run(graph, '{"foo": "held", "seconds": 600}')) as terminal:
        terminal.until(f"running {graph}")
        terminal.type(CTRL_C)
        assert terminal.leave() == 130
    assert "Traceback" not in terminal.text
    assert terminal.shown.rfind("\x1b[?25h") > terminal.shown.rfind("\x1b[?25l")  # the cursor is there again


@pytest.mark.parametrize("flags", [[], ["--workers", "2"], ["--database-uri", "memory://"]])
def test_the_first_ctrl_c_says_what_is_waited_for_and_a_second_one_stops(tmp_path: Path, flags: list[str]) -> None:
    with on_a_terminal("serve", GRAPHS, "--port", "0", *flags, cwd=tmp_path) as terminal:
        terminal.until("openapi.json\r\n")
        [url] = [line.split()[1].removesuffix("/openapi.json") for line in terminal.text.splitlines() if "spec" in line]
        body = {"assistant_id": "slow", "input": {"seconds": 600}}
        with httpx.stream("POST", f"{url}/runs/stream", json=body, timeout=DEADLINE) as stream:
            events = stream.iter_lines()
            assert next(line for line in events if "seconds" in line)
            terminal.type(CTRL_C)
            terminal.until("a second Ctrl-C")
            terminal.until("runs=1 seconds=1")  # 180, or hardly less
            terminal.type(CTRL_C)
            assert terminal.leave() == 0
            with pytest.raises(httpx.TransportError):
                list(events)
    assert "Traceback" not in terminal.text


def test_with_nothing_under_way_it_just_leaves(tmp_path: Path) -> None:
    with on_a_terminal("serve", GRAPHS, "--port", "0", cwd=tmp_path) as terminal:
        terminal.until("openapi.json\r\n")
        terminal.type(CTRL_C)
        assert terminal.leave() == 0
    assert terminal.text.splitlines()[-1].strip() == "^C"
