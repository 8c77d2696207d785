"""A run continues the trace that its request belongs to: `langsmith-trace` and `baggage`, `traceparent`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.cli.processes import Serving
from tests.live import DEADLINE, GRAPHS, LiveServer, serving, until
from tests.web.creating import PATHS, Creator
from tests.web.trace_receiver import TraceReceiver, receiving, serving_traced

Json = dict[str, Any]
CALLER, INNER = "01a21b0a-116e-4178-b2e2-303717cb1f11", "01a21b0a-116e-4178-b2e2-303717cb1f12"
ORDER = f"20261127T000000000000Z{CALLER}.20261127T000001000000Z{INNER}"
"""The trace of a client, and the run in it that calls the server, as LangSmith's clients write them."""
BAGGAGE = ",".join(
    (
        f"langsmith-metadata={quote(json.dumps({'team': 'hills, dales'}))}",
        f"langsmith-tags={quote('one,two')}",
        f"langsmith-project={quote('the callers')}",
        "other=1",
    )
)
SPANS = """
from typing import Any, TypedDict
from langgraph.graph import START, StateGraph
from opentelemetry import baggage, trace

class State(TypedDict, total=False):
    seen: Any

def plain(state):
    span = trace.get_current_span().get_span_context()
    ids = [f"{span.trace_id:032x}", f"{span.span_id:016x}"]
    return {"seen": [*ids, span.trace_state.to_header(), dict(baggage.get_all())]}

async def awaited(state):
    return {"seen": [state["seen"], plain(state)["seen"]]}

graph = StateGraph(State).add_sequence([plain, awaited]).add_edge(START, "plain").compile()
"""
TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
NONE = ["0" * 32, "0" * 16, "", {}]


@pytest.fixture(scope="module")
def receiver() -> Iterator[TraceReceiver]:
    """The receiver of the traces."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def traced(receiver: TraceReceiver) -> Iterator[Serving]:
    """A server that traces every run."""
    with serving_traced(receiver, "the servers") as process:
        yield process


def posted(receiver: TraceReceiver, run: Json) -> dict[str, Json]:
    """By name: the runs that were traced of it, once all are there."""
    until(lambda: {"simple", "first", "second"} <= {each["name"] for each in receiver.traces(run["thread_id"])})
    return {each["name"]: each for each in receiver.traces(run["thread_id"])}


@pytest.mark.parametrize("operation", PATHS)
def test_a_run_is_a_child_of_the_run_that_calls(traced: Serving, receiver: TraceReceiver, operation: str) -> None:
    headers = {"langsmith-trace": ORDER, "baggage": BAGGAGE}
    with httpx.Client(base_url=traced.url, timeout=DEADLINE, headers=headers) as http:
        run = Creator(http, operation).ended("simple", {"foo": 1})
    runs = posted(receiver, run)
    assert {(each["trace_id"], each["session_name"]) for each in runs.values()} == {(CALLER, "the callers")}
    assert (runs["simple"]["id"], runs["simple"]["parent_run_id"]) == (run["run_id"], INNER)
    assert runs["first"]["parent_run_id"] == run["run_id"]
    assert all(each["dotted_order"].startswith(ORDER + ".") for each in runs.values())
    assert runs["simple"]["extra"]["metadata"]["team"] == "hills, dales"
    assert {"one", "two"} <= set(runs["simple"]["tags"])


@pytest.mark.parametrize("trace", ["", "no trace", "20261127T000000000000Z", f"x{CALLER}", ORDER + "."])
def test_a_trace_that_is_none_begins_a_new_one(traced: Serving, receiver: TraceReceiver, trace: str) -> None:
    headers = {"langsmith-trace": trace, "baggage": "langsmith-metadata=5,langsmith-metadata=%7B,=,langsmith-tags"}
    with httpx.Client(base_url=traced.url, timeout=DEADLINE, headers=headers) as http:
        run = Creator(http, "create_run").ended("simple", {"foo": 1})
    assert run["status"] == "success"
    runs = posted(receiver, run)
    assert {(each["trace_id"], each["session_name"]) for each in runs.values()} == {(run["run_id"], "the servers")}


@pytest.mark.parametrize(
    "metadata",
    ["[" * 30_000, "[" * 9000 + "]" * 9000, "%FF%FE", "NaN", "1e999"],
    ids=["open", "deep", "no text", "NaN", "infinite"],
)
def test_baggage_that_cannot_be_read_is_ignored(traced: Serving, metadata: str) -> None:
    headers = {"langsmith-trace": ORDER, "baggage": f"langsmith-metadata={metadata}"}
    with httpx.Client(base_url=traced.url, timeout=DEADLINE, headers=headers) as http:
        assert Creator(http, "wait_run").ended("simple", {"foo": 1})["status"] == "success"


@pytest.mark.parametrize("wrong", [5, [1], {"a": 1}, "text"])
def test_keys_of_a_client_with_other_values_fail_no_run(traced: Serving, wrong: Any) -> None:
    names = ("langsmith-trace", "langsmith-project", "langsmith-tags", "langsmith-metadata")
    config = {"configurable": dict.fromkeys(names, wrong)}
    with httpx.Client(base_url=traced.url, timeout=DEADLINE) as http:
        assert Creator(http, "wait_run").ended("simple", {"foo": 1}, config=config)["status"] == "success"


def test_a_graph_finds_the_trace_in_its_config() -> None:
    headers = {"langsmith-trace": ORDER, "baggage": BAGGAGE}
    with serving(GRAPHS) as live, live.client() as http:
        run = http.post("/runs", json={"assistant_id": "simple"}, headers=headers).json()
    shown = run["kwargs"]["config"]["configurable"]
    assert {key: value for key, value in shown.items() if key.startswith("langsmith")} == {
        "langsmith-trace": ORDER,
        "langsmith-metadata": {"team": "hills, dales"},
        "langsmith-tags": ["one", "two"],
        "langsmith-project": "the callers",
    }


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of a graph that says which span it is in."""
    folder = tmp_path_factory.mktemp("spans")
    (folder / "spans.py").write_text(SPANS)
    (folder / "langgraph.json").write_text(json.dumps({"graphs": {"spans": "./spans.py:graph"}}))
    with serving(folder / "langgraph.json") as live:
        yield live


@pytest.mark.parametrize("operation", PATHS)
def test_spans_of_a_graph_are_children_of_the_callers(spans: LiveServer, operation: str) -> None:
    headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=1", "baggage": "user=ana"}
    with spans.client() as http:
        http.headers.update(headers)
        seen = Creator(http, operation).ended("spans", {})["values"]["seen"]
        assert seen == [[TRACE_ID, SPAN_ID, "vendor=1", {"user": "ana"}]] * 2
    with spans.client() as http:
        assert Creator(http, operation).ended("spans", {})["values"]["seen"] == [NONE] * 2


@pytest.mark.parametrize("header", ["", "00", f"00-{TRACE_ID}-{SPAN_ID}", "ff" + TRACEPARENT[2:], TRACEPARENT.upper()])
def test_a_traceparent_that_is_none_is_left_out(spans: LiveServer, header: str) -> None:
    with spans.client() as http:
        http.headers["traceparent"] = header
        assert Creator(http, "wait_run").ended("spans", {})["values"]["seen"] == [NONE] * 2
