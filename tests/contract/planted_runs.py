"""Bugs of the operations that create and read runs, to be planted (planted.py)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from uuid import uuid4

from tests.contract.exchange import JSON, Exchange, changed, failed, in_stream, without, without_header

CREATE = r"POST /runs"
BATCH = r"POST /runs/batch"
WAIT = r"POST /runs/wait"
STREAM = r"POST /runs/stream"
RUN = r"GET /runs/[^/]+"


def no_metadata(sent: Exchange) -> Exchange:
    """A stream begins with the first event of the graph."""
    body = sent.body.partition(b"\r\n\r\n")[2] if sent.creates and sent.streams else sent.body
    return replace(sent, body=body)


def metadata_of_another_run(sent: Exchange) -> Exchange:
    """`metadata` and the headers name two runs."""
    return in_stream(sent, rb'"run_id":"[^"]+"', f'"run_id":"{uuid4()}"'.encode())


def metadata_off_schema(sent: Exchange) -> Exchange:
    """The first attempt is counted 0."""
    return in_stream(sent, rb'"attempt":1', b'"attempt":0')


def ids_out_of_order(sent: Exchange) -> Exchange:
    """The second event has the id of the first."""
    return in_stream(sent, rb"id: 2\r\n", b"id: 1\r\n")


def bare_newlines(sent: Exchange) -> Exchange:
    """Frames end with LF, as the standard allows and the wire does not."""
    return replace(sent, body=sent.body.replace(b"\r\n", b"\n")) if sent.streams else sent


def data_not_json(sent: Exchange) -> Exchange:
    """NaN goes out as Python spells it."""
    return in_stream(sent, rb"(event: values\r\ndata: )[^\r]*", rb'\1{"x":NaN}')


def server_error(sent: Exchange) -> Exchange:
    """Every other run cannot be created."""
    unlucky = sent.creates and sent.headers[b"content-location"][-1:] in b"02468ace"
    return failed(sent, 500, {"detail": "Internal Server Error"}) if unlucky else sent


def undeclared_status(sent: Exchange) -> Exchange:
    """A created run is answered with 201."""
    return replace(sent, status=201) if sent.creates and sent.path == "/runs" else sent


def wait_404(sent: Exchange) -> Exchange:
    """One operation refuses everything."""
    return failed(sent, 404, {"detail": "Not Found"}) if sent.path == "/runs/wait" else sent


def location_dangles(sent: Exchange) -> Exchange:
    """Content-Location names a run that is not there."""
    if not sent.creates:
        return sent
    return replace(sent, headers=sent.headers | {b"content-location": f"/runs/{uuid4()}".encode()})


def run_off_schema(sent: Exchange) -> Exchange:
    """A run has a status that the contract does not know."""
    return replace(sent, body=re.sub(rb'"status":"[a-z]+"', b'"status":"finished"', sent.body))


def location_missing(sent: Exchange) -> Exchange:
    """A run that was waited for has no Content-Location."""
    return without_header(sent, b"content-location") if sent.answers(WAIT) else sent


def replayed_in_words(sent: Exchange) -> Exchange:
    """`Idempotent-Replayed` has another value than the one that there is."""
    return replace(sent, headers=sent.headers | {b"idempotent-replayed": b"no"}) if sent.creates else sent


def metadata_twice(sent: Exchange) -> Exchange:
    """A stream has one event more than it should: a second `metadata`."""
    first = sent.body.partition(b"\r\n\r\n")[0].replace(b"id: 1", b"id: 1000000") + b"\r\n\r\n"
    return replace(sent, body=sent.body + first) if sent.answers(STREAM) else sent


def end_event(sent: Exchange) -> Exchange:
    """A stream ends with an event that the contract does not have."""
    number = b"\r\nid: 1000000" if b"\r\nid: " in sent.body else b""
    return replace(sent, body=sent.body + b"event: end\r\ndata: null" + number + b"\r\n\r\n") if sent.streams else sent


def ids_missing(sent: Exchange) -> Exchange:
    """The events of a resumable stream have no ids."""
    return in_stream(sent, rb"\r\nid: \d+", b"")


def stream_cut(sent: Exchange) -> Exchange:
    """A stream ends inside its last event."""
    return replace(sent, body=sent.body[:-4]) if sent.streams else sent


def stream_as_json(sent: Exchange) -> Exchange:
    """A stream says that it is JSON."""
    return replace(sent, headers=sent.headers | JSON) if sent.answers(STREAM) else sent


def wait_as_text(sent: Exchange) -> Exchange:
    """The values of a run are sent as Python prints them."""
    return replace(sent, body=repr(json.loads(sent.body)).encode()) if sent.answers(WAIT) else sent


def batch_as_object(sent: Exchange) -> Exchange:
    """A batch is answered with an object that has its runs."""
    return changed(sent, lambda runs: {"runs": runs}) if sent.answers(BATCH) else sent


def batch_loses_a_run(sent: Exchange) -> Exchange:
    """A batch is answered without its last run."""
    return changed(sent, lambda runs: runs[:-1]) if sent.answers(BATCH) else sent


def batch_out_of_order(sent: Exchange) -> Exchange:
    """The runs of a batch are in the order of their ends."""
    return changed(sent, lambda runs: runs[::-1]) if sent.answers(BATCH) else sent


def run_without_time(sent: Exchange) -> Exchange:
    """A run that is read has lost `created_at`."""
    return without(sent, "created_at") if sent.answers(RUN) else sent


def run_without_thread(sent: Exchange) -> Exchange:
    """The thread of a run is null."""
    return changed(sent, lambda run: run | {"thread_id": None}) if sent.answers(CREATE) else sent


RUN_BUGS = (
    no_metadata,
    metadata_of_another_run,
    metadata_off_schema,
    ids_out_of_order,
    bare_newlines,
    data_not_json,
    server_error,
    undeclared_status,
    wait_404,
    location_dangles,
    run_off_schema,
    location_missing,
    replayed_in_words,
    metadata_twice,
    end_event,
    ids_missing,
    stream_cut,
    stream_as_json,
    wait_as_text,
    batch_as_object,
    batch_loses_a_run,
    batch_out_of_order,
    run_without_time,
    run_without_thread,
)
