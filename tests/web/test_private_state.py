"""Clients see the keys of a graph's output schema: private state stays with the graph, in every mode and answer."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.cli.processes import invoke
from tests.live import GRAPHS, LiveServer
from tests.web.calls import Json, accepted, create, ended, payloads, stream, wait
from tests.web.hook_receiver import HookReceiver
from tests.web.keeping import history, kept, state, thread, thread_path

WHOLE = {"q": "hi", "a": "hi!", "secret": "s"}
shows = pytest.mark.shows
each_way = pytest.mark.parametrize("on_completion", ["delete", "keep"])


@each_way
@shows("wait_run", "stream_mode=values")
@pytest.mark.parametrize(
    ("graph", "output"),
    [
        ("private", {"a": "hi!"}),
        ("private_only", {}),
        ("private_parent", {"a": "hi!"}),
        ("saving", {"shown": {"q": "hi"}}),
    ],
)
def test_the_outcome_has_the_keys_of_the_output_schema(
    http: httpx.Client, graph: str, output: Json, on_completion: str
) -> None:
    """On a wait, a join and the run itself."""
    assert wait(http, graph, {"q": "hi"}, on_completion=on_completion) == output
    run = create(http, graph, {"q": "hi"}, on_completion=on_completion)
    assert accepted(http.get(f"/runs/{run['run_id']}/join")).json() == output
    assert accepted(http.get(f"{thread_path(run)}/runs/{run['run_id']}/join")).json() == output
    assert (ended(http, run["run_id"])["values"] or {}) == output


@each_way
@shows("stream_run", "stream_mode=values,updates")
def test_values_and_updates_have_the_keys_of_the_output_schema(http: httpx.Client, on_completion: str) -> None:
    """There are no values before the first step that has something to show."""
    events = stream(http, "private", {"q": "hi"}, stream_mode=["values", "updates"], on_completion=on_completion)
    assert [(name, data) for name, data, _ in events[1:]] == [
        ("updates", {"hide": None}),
        ("updates", {"answer": {"a": "hi!"}}),
        ("values", {"a": "hi!"}),
    ]


@each_way
def test_a_subgraph_has_its_own_output_schema(http: httpx.Client, on_completion: str) -> None:
    events = stream(
        http,
        "private_parent",
        {"q": "hi"},
        stream_mode=["values", "updates"],
        stream_subgraphs=True,
        on_completion=on_completion,
    )
    seen = [(name.partition(":")[0], data) for name, data, _ in events[1:]]
    assert seen == [
        ("updates|child", {"hide": None}),
        ("updates|child", {"answer": {"a": "hi!"}}),
        ("values|child", {"a": "hi!"}),
        ("updates", {"child": {"a": "hi!"}}),
        ("values", {"a": "hi!"}),
        ("updates", {"hide": None}),
    ]


@each_way
def test_the_output_of_the_root_in_events_is_the_graphs_output(http: httpx.Client, on_completion: str) -> None:
    """And values beside them are no different from values alone."""
    modes = ["events", "values"]
    events = stream(http, "private", {"q": "hi"}, stream_mode=modes, on_completion=on_completion)
    assert [data for name, data, _ in events if name == "values"] == [{"a": "hi!"}]
    root = events[-1][1]
    assert (root["event"], root["data"]["output"]) == ("on_chain_end", {"a": "hi!"})


@each_way
def test_an_interrupted_run_shows_its_output_so_far(http: httpx.Client, on_completion: str) -> None:
    outcome = wait(http, "private_asking", {"q": "hi"}, on_completion=on_completion)
    assert (outcome.pop("__interrupt__")[0]["value"], outcome) == ("sure?", {"a": "hi!"})
    events = stream(http, "private_asking", {"q": "hi"}, on_completion=on_completion)
    assert payloads(events)[0] == {"a": "hi!"}
    assert set(payloads(events)[1]) == {"a", "__interrupt__"}


@each_way
def test_a_failed_run_shows_its_output_so_far(http: httpx.Client, on_completion: str) -> None:
    run = ended(http, create(http, "private_failing", {"q": "hi"}, on_completion=on_completion)["run_id"])
    assert (run["status"], run["values"]) == ("error", {"a": "hi!"})


@shows("get_thread_state get_thread", "200")
def test_the_state_of_a_thread_is_the_whole_state(http: httpx.Client) -> None:
    """As recorded: a thread belongs to the graph's own clients, and its next run needs the state."""
    run = kept(http, "private", {"q": "hi"})
    assert thread(http, run)["values"] == state(http, run)["values"] == history(http, run)[0]["values"] == WHOLE


def test_a_webhook_has_the_keys_of_the_output_schema(hooked: LiveServer, receiver: HookReceiver) -> None:
    with hooked.client() as http:
        for on_completion in ("delete", "keep"):
            run = create(http, "private", {"q": "hi"}, webhook=receiver.url, on_completion=on_completion)
            assert receiver.first(run["run_id"]).body["values"] == {"a": "hi!"}


def test_a_run_on_the_command_line_prints_the_output() -> None:
    done = invoke("run", "private", "--config", GRAPHS, "--input", "-", given='{"q": "hi"}')
    assert (done.returncode, json.loads(done.stdout)) == (0, {"a": "hi!"})
    done = invoke("run", "private", "--config", GRAPHS, "--input", "-", "--stream-mode", "values", given='{"q": "hi"}')
    assert (done.returncode, "secret" in done.stdout) == (0, False)
