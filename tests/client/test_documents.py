"""The snippets of README and docs/client.md, run against a real server, as a reader would type them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import EXAMPLES, serving
from tests.snippets import DOCUMENTS, module
from treadle_client import Treadle, TreadleError, errors, events, webhooks

README, DOCUMENT = DOCUMENTS


def run(document: Path, url: str, defined: dict[str, Any]) -> None:
    """Run the snippets from top to bottom, in one namespace, with the server at this URL."""
    code = module(document).replace("http://127.0.0.1:2024", url)
    exec(compile(code, document.name, "exec"), defined)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, Any]]:
    """The names that the snippets of docs/client.md define, once all of them have run.

    It asks for `capsys`, so that the test sees the output of the snippets.
    """
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_bm90IGEgc2VjcmV0IGF0IGFsbCwgYnV0IGxvbmc=")
    defined: dict[str, Any] = {"__name__": "snippets"}
    with serving(EXAMPLES) as live:
        monkeypatch.setenv("TREADLE_URL", live.url)
        try:
            run(DOCUMENT, live.url, defined)
            yield defined
        finally:
            if "client" in defined:
                defined["client"].close()


def test_every_snippet_runs_and_does_what_the_text_says(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    printed = capsys.readouterr().out
    assert printed.count("12 * 7 = 84.\n") == 3  # by threads, by coroutines, and as text of a stream
    assert names["answers"] == ["0 * 7 = 0.", "1 * 7 = 7.", "2 * 7 = 14."]
    assert "urgency: " in printed
    assert "ended: make_decision\n" in printed
    assert "\nnew_task\n" in printed
    assert len(re.findall(r"^\d new_task$", printed, re.MULTILINE)) == len(names["mails"])
    assert "\nValidationError " in printed
    assert [type(event) for event in names["rest"]] == [events.Custom] * len(names["rest"]) != []
    assert names["state"].values == names["output"]
    assert names["receive"](b"{}", {}) == 400


def test_the_snippets_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(EXAMPLES) as live:
        defined: dict[str, Any] = {"__name__": "snippets"}
        try:
            run(README, live.url, defined)
        finally:
            defined["client"].close()
    assert capsys.readouterr().out.startswith("escalate\nHello! ")


def classes(base: type[Exception]) -> set[str]:
    """The names of all classes below it."""
    return {name for each in base.__subclasses__() for name in {each.__name__} | classes(each)}


def test_every_exception_and_every_event_is_described() -> None:
    text = DOCUMENT.read_text("utf-8")
    named = set(re.findall(r"`(?:webhooks\.)?(\w+)`", text))
    assert webhooks.WebhookError.__name__ in classes(TreadleError)  # it is defined outside of `errors`
    assert classes(TreadleError) - named == set()
    assert {kind.__name__ for kind in events.Event.__args__} - named == set()
    statuses = {kind.__name__: status for status, kind in errors.CLASSES.items()}
    assert {name: int(status) for name, status in re.findall(r"`(\w+)` \| (\d{3}): ", text)} == statuses


def methods(resource: object) -> set[str]:
    """The names of its public methods."""
    return {name for name in dir(resource) if not name.startswith("_")}


def test_every_call_of_the_migration_table_exists() -> None:
    table = DOCUMENT.read_text("utf-8").partition("## From `langgraph_sdk`")[2]
    right = [row.rsplit(" | ", 1)[-1] for row in table.splitlines() if row.startswith("| ")]
    called = [
        call for cell in right for call in re.findall(r"\b(runs|thread_runs|assistants|threads|store)\.(\w+)", cell)
    ]
    assert len(called) > 20
    with Treadle("http://127.0.0.1:1") as client:
        assert [call for call in called if call[1] not in methods(getattr(client, call[0]))] == []


def test_the_document_names_no_path_of_a_machine() -> None:
    assert not re.search(rf"{re.escape(str(Path.home()))}|/work/|/tmp/", DOCUMENT.read_text("utf-8"))
