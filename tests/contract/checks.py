"""Schemathesis loads this module (SCHEMATHESIS_HOOKS): its own checks, and the limits of the time that a fuzzer has.

A check may raise nothing but AssertionError: anything else marks the scenario as broken and hides its findings.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.generation import GenerationMode

from tests.contract import answers, streams
from tests.contract.document import assistant_id
from tests.contract.inputs import example_inputs
from tests.contract.positives import sendable

AnyCase = Case[Any]
TIMEOUT = 10.0
INPUTS = {name: value for graph, value in example_inputs().items() for name in (graph, assistant_id(graph))}


@schemathesis.hook
def map_case(context: HookContext, case: AnyCase) -> AnyCase:
    """Make valid run requests sendable; invalid data stays as it is."""
    body: Any = case.body
    if _is_positive(case):
        if isinstance(body, list):  # a batch
            case.body = [sendable(item, INPUTS) if _is_run(item) else item for item in body]
        elif _is_run(body):
            case.body = sendable(body, INPUTS, background=case.path == "/runs")
    return case


@schemathesis.check
def answer_is_json_or_stream(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Every body is JSON or a stream of events."""
    answers.verify_media_type(_header(response, "content-type"), response.content)


@schemathesis.check
def error_has_detail(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Every failure is `{"detail": "…"}`, also the ones that are not declared."""
    if response.status_code >= 400 and case.method != "HEAD":
        answers.verify_error(response.status_code, response.content)


@schemathesis.check
def stream_is_well_formed(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Every stream is framed and ordered as recorded, and ends."""
    if not (_header(response, "content-type") or "").startswith("text/event-stream"):
        return
    assert not response.stream_cut_short, "the stream did not end in time"
    sent = _sent(response)
    streams.verify(
        streams.read(response.content),
        run_id=answers.run_of(_header(response, "content-location")),
        from_start=case.method == "POST",
        resumable=bool(sent.get("stream_resumable")) if case.method == "POST" else None,
    )


@schemathesis.check
def created_run_can_be_found(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """The locations of a created run lead somewhere on this server, and its id is readable."""
    if case.method != "POST" or "{" in case.path or "content-location" not in response.headers:
        return
    locations = {name: _header(response, name) for name in ("content-location", "location")}
    assert answers.run_of(locations["content-location"]), f"content-location is {locations['content-location']!r}"
    served = [path for path, item in case.operation.schema.raw_schema["paths"].items() if "get" in item]
    kept = _sent(response).get("on_completion") == "keep"
    for header, path in answers.links(locations, served):
        answers.verify_link(header, path, _status(str(response.request.url), path), kept=kept)


def _is_positive(case: AnyCase) -> bool:
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE


def _is_run(body: Any) -> bool:
    return isinstance(body, dict) and "assistant_id" in body


def _header(response: Response, name: str) -> str | None:
    values = response.headers.get(name)
    return values[0] if values else None


def _sent(response: Response) -> dict[str, Any]:
    """The request's JSON object as it went over the wire; empty if it was none."""
    try:
        sent = response.request.body
        body = json.loads(sent) if isinstance(sent, bytes | str) else None
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _status(request_url: str, path: str) -> int:
    server = urlsplit(request_url)
    connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise AssertionError(f"GET {path} failed: {error!r}") from None
    finally:
        connection.close()
