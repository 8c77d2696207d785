"""The limit on the nesting of a request; a value of that depth comes back wherever it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live import DEADLINE, LiveServer, serving, sse
from tests.web.calls import accepted, ended, run_id_of
from tests.web.creating import EVERY, PATHS
from tests.web.hook_receiver import HOOKED, HookReceiver
from tests.web.keeping import new_thread, thread_path
from treadle.encoding import MAX_DEPTH

pytestmark = pytest.mark.edge

DEEPEST = 254
"""Levels of a body."""
MODES = ["values", "updates", "messages", "messages-tuple", "tasks", "checkpoints", "debug", "events", "custom"]
FORMS = pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
shows = pytest.mark.shows


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    """A value of so many levels."""
    return opening * levels + "1" + closing * levels


def body(value: str, batch: bool = False, **fields: object) -> str:
    """A request for a run whose `input.foo` is the JSON `value`: two levels are around it, three of a batch."""
    run = json.dumps({"assistant_id": "simple", "input": {"foo": "@"}, **fields}).replace('"@"', value)
    return f"[{run}]" if batch else run


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server on either store that may call this machine."""
    file: Path = tmp_path_factory.mktemp("store") / "runs.db"
    uri = "memory://" if request.param == "memory" else f"sqlite:///{file}"
    with serving(HOOKED, database_uri=uri) as live:
        yield live


def test_the_limit_is_what_orjson_writes() -> None:
    assert MAX_DEPTH == DEEPEST


@FORMS
@pytest.mark.parametrize("operation", PATHS)
def test_two_hundred_levels_of_input_pass_and_three_hundred_do_not(
    http: httpx.Client, operation: str, opening: str, closing: str
) -> None:
    batch = operation == "create_run_batch"
    around = 3 if batch else 2
    for levels, status in ((200, 200), (DEEPEST - around, 200), (DEEPEST - around + 1, 400), (300, 400), (900, 400)):
        response = http.post(PATHS[operation], content=body(nested(levels, opening, closing), batch))
        assert response.status_code == status, levels
        if status == 400:
            assert response.json() == {"detail": f"Request body: nested deeper than {DEEPEST} levels"}


@shows(EVERY, "400")
@pytest.mark.parametrize("operation", PATHS)
@pytest.mark.parametrize("innermost", ["[]", "{}"])
def test_an_empty_level_is_one_as_well(http: httpx.Client, operation: str, innermost: str) -> None:
    batch = operation == "create_run_batch"
    around = 3 if batch else 2
    for levels, status in ((DEEPEST - around, 200), (DEEPEST - around + 1, 400)):
        value = "[" * (levels - 1) + innermost + "]" * (levels - 1)
        assert http.post(PATHS[operation], content=body(value, batch)).status_code == status


@FORMS
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("completion", ["keep", "delete"])
def test_the_deepest_values_are_streamed(
    stored: LiveServer, mode: str, completion: str, opening: str, closing: str
) -> None:
    value = nested(DEEPEST - 2, opening, closing)
    content = body(value, stream_mode=[mode], on_completion=completion)
    response = accepted(httpx.post(f"{stored.url}/runs/stream", content=content, timeout=DEADLINE))
    events = sse(response.content)
    assert "error" not in [name for name, _, _ in events]
    shown = mode in ("values", "tasks", "debug", "events") or (mode, completion) == ("checkpoints", "keep")
    assert (value in response.text) == shown


@FORMS
def test_the_deepest_values_are_kept(stored: LiveServer, opening: str, closing: str) -> None:
    value = nested(DEEPEST - 2, opening, closing)
    with stored.client() as http:
        waited = accepted(http.post("/runs/wait", content=body(value, on_completion="keep")))
        run = ended(http, run_id_of(waited))
        assert (run["status"], run["attempts"]) == ("success", 1)
        thread, path = thread_path(run), f"/runs/{run['run_id']}"
        under = f"{thread}{path}"
        for shown in (path, f"{path}/join", thread, f"{thread}/state", f"{thread}/history", f"{thread}/runs", under):
            assert value in accepted(http.get(shown)).text, shown
        assert value in waited.text


@FORMS
def test_the_deepest_values_reach_a_webhook(
    stored: LiveServer, receiver: HookReceiver, opening: str, closing: str
) -> None:
    value = nested(DEEPEST - 2, opening, closing)
    content = body(value, webhook=receiver.url)
    waited = accepted(httpx.post(f"{stored.url}/runs/wait", content=content, timeout=DEADLINE))
    assert value.encode() in receiver.first(run_id_of(waited)).content


@pytest.mark.parametrize("field", ["config", "context", "metadata"])
def test_every_part_of_a_request_may_be_as_deep(http: httpx.Client, field: str) -> None:
    value = nested(DEEPEST - 2)
    content = f'{{"assistant_id":"simple","input":{{"foo":1}},"on_completion":"keep","{field}":{{"foo":{value}}}}}'
    run = ended(http, accepted(http.post("/runs", content=content)).json()["run_id"])
    assert run["status"] == "success"
    assert value in http.get(f"/runs/{run['run_id']}").text


def test_the_metadata_of_a_thread_may_be_as_deep(http: httpx.Client) -> None:
    value = nested(DEEPEST - 2)
    made = accepted(http.post("/threads", content=f'{{"metadata":{{"foo":{value}}}}}'))
    assert value in http.get(thread_path(made.json())).text
    assert http.post(f"{thread_path(new_thread(http))}/history", content=f'{{"metadata":{{"foo":{value}}}}}').is_success
