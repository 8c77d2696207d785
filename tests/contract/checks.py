"""Schemathesis loads this module (SCHEMATHESIS_HOOKS): its own checks, and the limits of the time that a fuzzer has.

A check may raise nothing but AssertionError: anything else marks the scenario as broken and hides its findings.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

from tests.contract import answers, states
from tests.contract.asked import asked_for
from tests.contract.document import assistant_id
from tests.contract.feedback_tokens import BROWSER, accepted, with_run, with_something
from tests.contract.feedback_tokens import PATH as FEEDBACK
from tests.contract.inputs import graph_inputs, graph_supersteps
from tests.contract.keyed import is_key, own_key
from tests.contract.negatives import is_valid
from tests.contract.positives import refused_for_one_reason, searching, sendable, sendable_assistant, storable
from tests.contract.server import API_KEY, PLANTED, STORE
from tests.contract.thread_positives import may_be_refused, sendable_thread
from treadle.conformance import streams
from treadle.conformance.answers import links, run_of, verify_error, verify_link
from treadle.conformance.contract import Contract

AnyCase = Case[Any]
TIMEOUT = 10.0
KEY = "idempotency-key"
INPUTS = {name: values for graph, values in graph_inputs().items() for name in (graph, assistant_id(graph))}
SUPERSTEPS = graph_supersteps()
# The operations that were asked without a key.
ASKED: set[str] = set()
CONTRACT = Contract.load()
Check = Callable[[CheckContext, Response, AnyCase], None]


def readable(check: Check) -> Check:
    """The check, which fails as well if the answer cannot be read."""

    @functools.wraps(check)
    def judge(ctx: CheckContext, response: Response, case: AnyCase) -> None:
        try:
            check(ctx, response, case)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise AssertionError(f"the answer cannot be read: {error!r}") from None

    return judge


@schemathesis.hook
def filter_case(context: HookContext, case: AnyCase) -> bool:
    """Leave out what is valid and taken for invalid: it would be found to be accepted."""
    mutations = getattr(case.meta.phase.data, "mutations", ()) if case.meta is not None else ()
    declared = case.operation.definition.raw.get("parameters", ())
    schemas = {each["name"]: each["schema"] for each in declared if each.get("in") == "query"}
    return _is_positive(case) or not is_valid(mutations, case.query or {}, schemas)


@schemathesis.hook
def map_case(context: HookContext, case: AnyCase) -> AnyCase:
    """Make valid runs and threads sendable; invalid data stays invalid."""
    if case.path == FEEDBACK:
        case.headers["accept"] = accepted(case.media_type, case.query)
    if _is_positive(case):
        _make_sendable(case, case.body)
    elif case.path.startswith("/runs"):
        case.body = refused_for_one_reason(case.body)
    for name in [name for name, value in (case.headers or {}).items() if name.lower() == KEY and is_key(value)]:
        case.headers[name] = own_key(case.headers[name], case.path, case.body)
    return case


def _make_sendable(case: AnyCase, body: Any) -> None:
    sequence = case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL
    nul = os.environ.get(STORE) != "postgresql"
    if case.path.startswith("/assistants") and isinstance(body, dict) and not nul:
        case.body = body = storable(body, nul=nul)
    if isinstance(body, list):  # a batch
        case.body = [sendable(item, INPUTS, sequence=sequence) if _is_run(item) else item for item in body]
    elif _is_run(body) and case.path.startswith("/runs"):
        case.body = sendable(body, INPUTS, background=case.path == "/runs", sequence=sequence)
    elif case.path == FEEDBACK:
        case.path_parameters = with_run(dict(case.path_parameters))
        if case.method == "GET":
            case.query = with_something(dict(case.query or {}))
    elif case.method == "POST" and case.path == "/threads" and isinstance(body, dict):
        case.body = sendable_thread(body, SUPERSTEPS, sequence=sequence)
    elif case.method == "PATCH" and case.path.startswith("/assistants/") and isinstance(body, dict):
        # The graphs' own assistants keep their graphs, or no run of a graph would be one.
        case.body = {name: value for name, value in body.items() if name != "graph_id"}
    elif case.path in ("/assistants/search", "/assistants/count") and isinstance(body, dict):
        case.body = searching(body)
    elif case.path.startswith("/store/"):
        case.query = storable(dict(case.query or {}), nul=nul)
        case.body = storable(body, nul=nul)
    elif sequence and isinstance(body, dict) and case.path == "/assistants":
        case.body = sendable_assistant(body)
    elif sequence and case.path == "/assistants/{assistant_id}/latest":
        case.body = {"version": 1}


@schemathesis.check
def answer_is_json_or_stream(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Every body is JSON, a stream of events, or, for browsers, a page."""
    verify = answers.verify_page if _is_page(response, case) else answers.verify_media_type
    verify(_header(response, "content-type"), response.content)


@schemathesis.check
def error_has_detail(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Every failure is `{"detail": "…"}`, also the ones that are not declared."""
    if response.status_code >= 400 and case.method != "HEAD" and not _is_page(response, case):
        verify_error(response.status_code, response.content)


@schemathesis.check
def stream_is_well_formed(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Every stream is framed and ordered as recorded, and ends."""
    if not (_header(response, "content-type") or "").startswith("text/event-stream"):
        return
    assert not response.stream_cut_short, "the stream did not end in time"
    creates, keyed = case.method == "POST", KEY in {name.lower() for name in response.request.headers}
    streams.verify(
        streams.read(response.content),
        run_id=run_of(_header(response, "content-location")),
        from_start=creates and _header(response, "idempotent-replayed") is None,
        resumable=keyed or bool(_sent(response).get("stream_resumable")) if creates else None,
    )
    # Schemathesis looks at the data of events too, and does not say which field is wrong.
    headers = {name: values[0] for name, values in response.headers.items()}
    for fault in CONTRACT.faults(case.operation.label, response.status_code, headers, response.content):
        raise AssertionError(fault.problem)


@schemathesis.check
def created_run_can_be_found(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """The locations of a created run can be read on this server, and contain its id."""
    if case.method != "POST" or "{" in case.path or "content-location" not in response.headers:
        return
    locations = {name: _header(response, name) for name in ("content-location", "location")}
    assert run_of(locations["content-location"]), f"content-location is {locations['content-location']!r}"
    served = [path for path, item in case.operation.schema.raw_schema["paths"].items() if "get" in item]
    kept = _sent(response).get("on_completion") == "keep"
    for header, path in links(locations, served):
        verify_link(header, path, _status(str(response.request.url), path), kept=kept)


@schemathesis.check
@readable
def batch_has_its_runs(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """A batch is answered with the runs that were asked for, in their order."""
    if case.method == "POST" and case.path == "/runs/batch" and response.status_code == 200:
        runs = response.json()
        # Whether they are runs is for their schema to say.
        if isinstance(runs, list):
            answers.verify_batch(_json(response), runs)


@schemathesis.check
@readable
def states_are_as_asked(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """The states are complete, belong to the thread, come in order, and fit the request."""
    asked = asked_for(case.method, str(response.request.url), _sent(response)) if response.status_code == 200 else None
    if asked is not None:
        found = response.json()
        if isinstance(found, dict):
            states.verify_state(found, asked)
        else:
            states.verify_history(found, asked)


@schemathesis.check
@readable
def thread_is_as_asked(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """A thread fits the request; while it is busy, it has no error and no interrupts."""
    asked = f"{case.method} {case.path}" in ("POST /threads", "GET /threads/{thread_id}")
    if not asked or response.status_code != 200:
        return
    thread = response.json()
    states.verify_busy(thread)
    if case.method == "POST":
        sent = _sent(response)
        states.verify_thread(thread, sent)
        path = f"/threads/{thread['thread_id']}"
        if states.lasts(sent):
            verify_link("thread_id", path, _status(str(response.request.url), path), kept=True)


@schemathesis.check
@readable
def valid_thread_is_accepted(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """The server refuses a valid thread only if its id is taken or its graph does not take its states."""
    if case.method == "POST" and case.path == "/threads" and _is_positive(case) and response.status_code == 422:
        assert may_be_refused(_sent(response), SUPERSTEPS), f"refused: {response.text[:200]}"
        assert response.json()["detail"].startswith("supersteps: "), (
            f"refused for another reason: {response.text[:200]}"
        )


@schemathesis.check
def missing_key_is_refused(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Each operation, asked once without a key, says how to send one. Schemathesis asks too, and looks at no header."""
    if "401" in case.operation.definition.raw["responses"] and case.operation.label not in ASKED:
        ASKED.add(case.operation.label)
        url, sent = str(response.request.url), response.request.headers
        others = {PLANTED: str(sent[PLANTED])} if PLANTED in sent else {}
        status, headers, content = _answer(case.method, url, urlsplit(url).path, others)
        answers.verify_challenge(status, headers, content)


@schemathesis.check
def timing_can_be_read(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """`Server-Timing` has the syntax that browsers and proxies read."""
    states.verify_timing(_header(response, "server-timing"))


def _is_positive(case: AnyCase) -> bool:
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE


def _is_page(response: Response, case: AnyCase) -> bool:
    """Whether a browser asked an operation that has pages for browsers."""
    declared = case.path == FEEDBACK and case.method in ("GET", "POST")
    return declared and response.request.headers.get("accept") == BROWSER


def _is_run(body: Any) -> bool:
    return isinstance(body, dict) and "assistant_id" in body


def _header(response: Response, name: str) -> str | None:
    values = response.headers.get(name)
    return values[0] if values else None


def _sent(response: Response) -> dict[str, Any]:
    """The request's JSON object; empty if it was none."""
    body = _json(response)
    return body if isinstance(body, dict) else {}


def _json(response: Response) -> Any:
    """The request's JSON document as it went over the wire; None if it was none."""
    try:
        sent = response.request.body
        return json.loads(sent) if isinstance(sent, bytes | str) else None
    except ValueError:
        return None


def _status(request_url: str, path: str) -> int:
    return _answer("GET", request_url, path, API_KEY)[0]


def _answer(method: str, request_url: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by their names in small letters, and body."""
    server = urlsplit(request_url)
    connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=TIMEOUT)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise AssertionError(f"{method} {path} failed: {error!r}") from None
    finally:
        connection.close()
