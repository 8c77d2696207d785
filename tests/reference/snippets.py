"""The code of the page, run as a reader would who copies it: each snippet by the program that it is written for."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import msgspec

from tests.live import DEADLINE
from tests.reference.exchanges import ADDRESS, answer_of
from tests.reference.scenario import Json

Runner = Callable[[str], Any]
"""Runs a snippet; returns what it was answered, as the exchanges have it, or None if it does not say."""


def page() -> str:
    """The page, as it was generated."""
    return files("treadle_api").joinpath("reference.html").read_text("utf-8")


class Snippets(HTMLParser):
    """The snippets of the page by operation and language."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, str], str] = {}
        self._operation = self._language = ""
        self.feed(page())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "article":
            self._operation = given["id"] or ""
        elif tag == "pre":
            self._language = given.get("data-language") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._language = ""

    def handle_data(self, data: str) -> None:
        if self._language:
            key = self._operation, self._language
            self.found[key] = self.found.get(key, "") + data


def _curl(code: str) -> Json:
    """Runs in a shell."""
    return _answer(_output(["sh", "-c", code]))


def _javascript(code: str) -> Json:
    """Runs in Node; what it logs is JSON here, so that it can be read."""
    say = "console.log = (said) => process.stdout.write(typeof said === 'string' ? said : JSON.stringify(said));\n"
    answer = _answer(_output(["node", "--input-type=module", "-e", say + code]))
    # Where there is no body, a snippet logs the status.
    return {} if answer.get("body") in (202, 204) and "status" in code else answer


def _python(code: str) -> Any:
    """Runs here, with the client; None for events, which the client has read already."""
    names: dict[str, Any] = {}
    with contextlib.ExitStack() as leaving, contextlib.redirect_stdout(io.StringIO()) as said:
        leaving.callback(lambda: names["client"].close())
        exec(compile(code, "snippet", "exec"), names)
    if "stream" in names:
        assert said.getvalue().startswith("metadata "), said.getvalue()
        return None
    return {"body": msgspec.to_builtins(names["result"])} if "result" in names else {}


RUNNERS: dict[str, tuple[Runner, str]] = {
    "curl": (_curl, "curl"),
    "Python": (_python, "python3"),
    "JavaScript": (_javascript, "node"),
}
"""By language, with the program that has to be installed."""


def missing(language: str) -> str:
    """Why snippets of a language cannot be run here; empty if they can."""
    _, program = RUNNERS[language]
    return "" if shutil.which(program) else f"needs {program}"


def _output(command: list[str]) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout


def _answer(output: bytes) -> Json:
    kind = "text/event-stream" if output.startswith(b"event:") else "application/json"
    return answer_of(output, kind, ADDRESS)


def learn(known: dict[str, str], captured: Any, answered: Any) -> None:
    """Take note of the ids and tokens that stand here where the captured answer has others."""
    if isinstance(captured, dict) and isinstance(answered, dict):
        for key in captured.keys() & answered.keys():
            learn(known, captured[key], answered[key])
    elif isinstance(captured, list) and isinstance(answered, list):
        for one, other in zip(captured, answered, strict=False):
            learn(known, one, other)
    elif isinstance(captured, str) and isinstance(answered, str) and captured != answered:
        one, other = captured.rsplit("/", 1)[-1], answered.rsplit("/", 1)[-1]
        known[one] = other


def adapted(code: str, known: dict[str, str], url: str) -> str:
    """The snippet for this server, with the ids that it knows."""
    for captured, here in known.items():
        code = code.replace(captured, here)
    return code.replace(ADDRESS, url)


def in_words(value: Any) -> str:
    """For comparing: JSON without an order of its keys."""
    return json.dumps(value, sort_keys=True)
