"""`treadle conform`: a server that keeps the contract passes, and each lie is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.processes import Finished, invoke, treadle_from_scratch
from tests.conformance import lies
from tests.conformance.document import with_lines
from tests.conformance.lies import Liar, deaf_to
from tests.contract.exchange import Bug, Exchange, failed
from tests.live import LiveServer, serving
from treadle.conformance.contract import Contract
from treadle.conformance.graphs import write_graphs
from treadle.conformance.operations import ALL
from treadle.keys import keys_in_list

ROOT = Path(__file__).parent.parent.parent
WAIT, RUNS, STREAM = "POST /runs/wait", "POST /runs", "POST /runs/stream"


class Lying:
    """A live server, and the lies that it can tell."""

    def __init__(self) -> None:
        self.live: LiveServer
        self.liar: Liar

    def around(self, app: Any) -> Any:
        """The application that lies."""
        self.liar = Liar(app)
        return self.liar


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lying]:
    """A server of the probe graphs."""
    lying = Lying()
    config = write_graphs(tmp_path_factory.mktemp("probes"))
    with serving(config, around=lying.around) as live:
        lying.live = live
        yield lying


@pytest.fixture
def telling(lying: Lying) -> Iterator[Callable[..., dict[str, Any]]]:
    """Examines some operations while the server tells a lie."""

    def examine(lie: Bug | None, *operations: str, hears: Callable[[Any], Any] | None = None) -> dict[str, Any]:
        lying.liar.lie, lying.liar.hears = lie, hears
        return conform(lying.live.url, *(f"--operations={each}" for each in operations))[1]

    yield examine
    lying.liar.lie = lying.liar.hears = None


def conform(url: str, *options: str) -> tuple[Finished, dict[str, Any]]:
    """Examine a server. Returns what the command has done, and its JSON."""
    done = invoke("conform", url, "--json=-", *options)
    return done, json.loads(done.stdout)


def problems(document: dict[str, Any]) -> list[str]:
    return [finding["problem"] for result in document["results"] for finding in result["findings"]]


def test_treadle_keeps_its_contract(lying: Lying, tmp_path: Path) -> None:
    files = {form: tmp_path / form for form in ("junit", "markdown")}
    done, document = conform(lying.live.url, *(f"--{form}={path}" for form, path in files.items()))
    assert problems(document) == [] and done.returncode == 0
    assert document["level"] == 2 and document["counts"]["pass"] == len(document["results"]) > 250
    assert {result["operation"] for result in document["results"]} == set(ALL)
    suites = ElementTree.parse(files["junit"]).getroot()
    assert sum(int(suite.attrib["tests"]) for suite in suites) == len(document["results"])
    written = ROOT.joinpath("docs", "conformance.md").read_text("utf-8")
    assert files["markdown"].read_text("utf-8") in written, "run `make conformance`"
    assert with_lines(written) == written, "run `make conformance`"


LIES = [
    (lies.wrong_status, RUNS, "status 201 is not declared"),
    (lies.missing_header, WAIT, "the header Content-Location is missing"),
    (lies.wrong_order, STREAM, "the first event is not metadata: it is values"),
    (lies.metadata_missing, STREAM, "the first event is not metadata: it is values"),
    (lies.ids_repeated, STREAM, "ids do not increase: ['1', '1', '3'"),
    (lies.event_without_end, STREAM, "the stream ends inside an event"),
    (lies.lost_field, RUNS, 'the body: "kwargs" is a required property'),
    (lies.undeclared_null, RUNS, 'created_at: null is not of type "string"'),
    (lies.detail_missing, WAIT, 'the body of a 422 is not {"detail": …}'),
    (lies.runs_not_kept, RUNS, "a run that is to be kept is not found"),
    (lies.anything_goes, WAIT, "5 as stream_mode gives 200, and not 422"),
    (lies.dead_link, WAIT, "Location leads to GET /threads/{thread_id}/runs/{run_id}/join, which gives 404"),
    (lies.success_for_failure, WAIT, "a run that raises ValueError('conform') ends with None"),
    (lies.bare_newlines, STREAM, "a line does not end with CRLF"),
]


@pytest.mark.parametrize(("lie", "operation", "problem"), LIES, ids=lambda value: getattr(value, "__name__", None))
def test_a_lie_is_found_and_named(
    telling: Callable[..., dict[str, Any]], lie: Bug, operation: str, problem: str
) -> None:
    document = telling(lie, operation)
    assert document["counts"]["fail"] > 0
    assert any(found.startswith(problem) for found in problems(document)), problems(document)
    for result in document["results"]:
        for finding in result["findings"]:
            assert finding["curl"].startswith("curl -sN -X ") and finding["pointer"].startswith("#/")


def test_a_stream_that_never_ends_is_given_up(lying: Lying, telling: Callable[..., dict[str, Any]]) -> None:
    lying.liar.lie = lies.never_ends
    joining = "--operations=GET /runs/{run_id}/stream"
    _, document = conform(lying.live.url, joining, "--timeout=0.5")
    assert problems(document) == ["the answer does not end: nothing comes for 0.5 seconds"]


IGNORED = [
    ("context", "the run sees None as its context, and not 'c'"),
    ("interrupt_before", "the run stops after ['first', 'model', 'inside'], and not after ['first']"),
    ("after_seconds", "a run that is due in 0.6 seconds ends after "),
    ("stream_subgraphs", "stream_subgraphs=True gives events of subgraphs: []"),
    ("stream_resumable", "ids are missing, stream_resumable is true"),
    ("stream_mode", "events of other modes come with stream_mode updates: ['values']"),
]


def test_fields_without_effect_are_named(telling: Callable[..., dict[str, Any]]) -> None:
    """A server that accepts a field and does nothing with it breaks its promise."""

    def deaf(body: Any) -> Any:
        for field, _ in IGNORED:
            body = deaf_to(field)(body)
        return body

    found = problems(telling(None, STREAM, hears=deaf))
    assert [problem for _, problem in IGNORED if not any(each.startswith(problem) for each in found)] == []


def test_an_operation_that_is_not_there_is_not_offered(telling: Callable[..., dict[str, Any]]) -> None:
    def without(sent: Exchange) -> Exchange:
        lacking = sent.path in ("/runs/batch", "/info") or "/cancel" in sent.path
        return failed(sent, 404, {"detail": "Not Found"}) if lacking else sent

    document = telling(without, "POST /runs/batch", "GET /info", "POST *cancel", "GET /ok")
    left = [result["operation"] for result in document["results"] if result["outcome"] == "not offered"]
    assert left == [
        "POST /runs/batch",
        "POST /runs/cancel",
        "POST /runs/{run_id}/cancel",
        "POST /threads/{thread_id}/runs/{run_id}/cancel",
        "GET /info",
    ]
    assert document["counts"]["fail"] == 0 and document["counts"]["pass"] == 2


def test_an_operation_is_offered_though_it_calls_malformed_ids_unknown(telling: Callable[..., dict[str, Any]]) -> None:
    def unknown(sent: Exchange) -> Exchange:
        malformed = sent.status == 422 and sent.path.startswith("/runs/treadle-conform")
        return failed(sent, 404, {"detail": "Run not found"}) if malformed else sent

    document = telling(unknown, "GET /runs/{run_id}")
    assert problems(document) == ["an id that is no UUID gives 404, and not 422"]


def test_a_field_that_is_refused_by_its_name_is_not_offered(telling: Callable[..., dict[str, Any]]) -> None:
    refused: dict[str, bool] = {}

    def hears(body: Any) -> Any:
        refused["now"] = isinstance(body, dict) and "multitask_strategy" in body
        return body

    def without(sent: Exchange) -> Exchange:
        told = {"detail": "multitask_strategy: it is not carried out"}
        return failed(sent, 422, told) if refused.pop("now", False) and sent.path == "/runs/wait" else sent

    document = telling(without, WAIT, hears=hears)
    left = {result["subject"]: result["reason"] for result in document["results"] if result["outcome"] != "pass"}
    strategies = ("enqueue", "reject", "interrupt", "rollback")
    assert left == {f"multitask_strategy={word}": "multitask_strategy: it is not carried out" for word in strategies}


def test_one_graph_is_enough(http_url: str) -> None:
    options = ("--assistant=simple", '--input={"foo": "x"}', "--read-only")
    done, document = conform(http_url, *options)
    assert problems(document) == [] and done.returncode == 0
    assert document["level"] == 1 and document["counts"]["pass"] > 150
    reasons = {result["reason"] for result in document["results"] if result["outcome"] == "not tried"}
    assert reasons == {"it needs the probe graphs (--graphs)", "it keeps a thread (--read-only)"}


def test_findings_can_be_read_and_repeated(lying: Lying) -> None:
    lying.liar.lie = lies.wrong_status
    try:
        done = invoke("conform", lying.live.url, "--operations", RUNS, "--header", "x-team: blue")
    finally:
        lying.liar.lie = None
    assert done.returncode == 1
    told = done.stdout.splitlines()
    (at,) = [number for number, line in enumerate(told) if line == "1. POST /runs: status 201 is not declared"]
    seen, contract, repeat = told[at + 1 : at + 4]
    assert seen.strip().startswith("seen in      a run, links, input and ")
    place, pointer = contract.split()[1:]
    assert pointer == "#/paths/~1runs/post/responses"
    lines = (ROOT / "generated" / "treadle_api" / "openapi.json").read_text("utf-8").splitlines()
    assert lines[int(place.partition(":")[2]) - 1].strip() == '"responses": {'
    assert f"curl -sN -X POST {lying.live.url}/runs -H 'content-type: application/json' -d '" in repeat
    assert repeat.endswith('-H "x-team: $X_TEAM"') and "blue" not in done.stdout


def test_every_place_of_the_contract_has_its_line() -> None:
    lines = (ROOT / "generated" / "treadle_api" / "openapi.json").read_text("utf-8").splitlines()
    contract = Contract.load()
    for label, pointer in contract.pointers.items():
        assert lines[contract.line(pointer) - 1].strip() == f'"{label.split()[0].lower()}": {{'
    status = "#/components/schemas/Run/properties/status"
    assert lines[contract.line(status) - 1].strip() == '"status": {' and contract.line(
        f"{status}/enum"
    ) > contract.line(status)
    assert contract.line(f"{status}/no/such/place") == contract.line(status)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "name the address of the server to examine, or a folder with --graphs"),
        (("127.0.0.1:2024",), "127.0.0.1:2024: give the address of a server, such as http://127.0.0.1:2024"),
        (("http://127.0.0.1:9",), "http://127.0.0.1:9 cannot be reached: "),
        (("URL",), "name a graph of the server with --assistant and --input, or let it serve the graphs that "),
        (("URL", "--assistant=bogus"), "--assistant bogus: POST /runs/batch gives 422: "),
        (("URL", "--assistant=simple", "--input={"), "--input is not JSON: "),
        (("URL/docs/nothing",), "URL/docs/nothing offers none of the operations to examine"),
        (("URL", "--header=x-api-key"), "--header x-api-key: give a header as 'name: value'"),
        (("URL", "--operations=GET /nothing"), "--operations GET /nothing: there are only POST /runs, "),
    ],
    ids=lambda value: value[-1].split("=")[0] if value and isinstance(value, tuple) else "",
)
def test_what_cannot_be_examined_is_said_in_one_line(http_url: str, options: tuple[str, ...], told: str) -> None:
    done = invoke("conform", *(option.replace("URL", http_url) for option in options))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"treadle: {told.replace('URL', http_url)}") and done.stderr.count("\n") == 1, (
        done.stderr
    )


def test_a_server_with_keys_is_examined_with_a_header(tmp_path: Path) -> None:
    config = write_graphs(tmp_path)
    with serving(config, api_keys=tuple(keys_in_list("TREADLE_API_KEYS", "ci=the-secret-of-ci"))) as live:
        refused = invoke("conform", live.url)
        assert refused.returncode == 2 and "--header 'name: value' sends a key" in refused.stderr
        done, document = conform(live.url, "--header", "x-api-key: the-secret-of-ci", "--operations", WAIT)
    assert done.returncode == 0 and problems(document) == []
    assert "the-secret-of-ci" not in done.stdout + done.stderr


def test_the_graphs_are_written_without_a_server(tmp_path: Path) -> None:
    done = treadle_from_scratch("conform", "--graphs", str(tmp_path / "probes"))
    assert done.returncode == 0 and done.stdout.strip() == str(tmp_path / "probes" / "langgraph.json")
    assert sorted(path.name for path in (tmp_path / "probes").iterdir()) == ["langgraph.json", "probe_graphs.py"]
