"""Bugs of the operations on threads, to be planted (planted.py)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.contract.exchange import JSON, Exchange, changed, failed, without

THREAD = r"GET /threads/[^/]+"
STATE = r"GET /threads/[^/]+/state"
HISTORY = r"(GET|POST) /threads/[^/]+/history"
DELETE = r"DELETE /threads/[^/]+"
CREATE = r"POST /threads"
# Threads that were seen, for the bug that remembers them.
_seen: dict[str, Exchange] = {}


def busy_error(sent: Exchange) -> Exchange:
    """A busy thread has an error, and that is a number."""
    return _in_thread(sent, lambda thread: thread | {"error": 0} if thread["status"] == "busy" else thread)


def busy_interrupts(sent: Exchange) -> Exchange:
    """A busy thread tells interrupts that the next run may end."""
    return _in_thread(sent, lambda thread: thread | {"interrupts": {}} if thread["status"] == "busy" else thread)


def error_as_text(sent: Exchange) -> Exchange:
    """A thread whose run failed has the text of the error only."""
    return _in_thread(sent, lambda thread: thread | {"error": "ValueError"} if thread.get("error") else thread)


def thread_renamed(sent: Exchange) -> Exchange:
    """A thread is created under another id than was asked for."""
    other = "00000000-0000-4000-8000-000000000000"
    return changed(sent, lambda thread: thread | {"thread_id": other}) if sent.answers(CREATE) else sent


def lifetime_lost(sent: Exchange) -> Exchange:
    """A thread that was to expire does not say so."""
    return without(sent, "ttl") if sent.answers(CREATE) else sent


def thread_created(sent: Exchange) -> Exchange:
    """A created thread is answered with 201."""
    return replace(sent, status=201) if sent.answers(CREATE) else sent


def taken_is_invalid(sent: Exchange) -> Exchange:
    """An id that is taken is a 422."""
    return replace(sent, status=422) if sent.status == 409 else sent


def deleted_with_body(sent: Exchange) -> Exchange:
    """A deleted thread is answered with 200 and null."""
    return replace(sent, status=200, headers=JSON, body=b"null") if sent.answers(DELETE) else sent


def deleted_is_found(sent: Exchange) -> Exchange:
    """A thread that was seen before is found after its end."""
    if sent.answers(CREATE) or sent.answers(THREAD):
        _seen[f"/threads/{json.loads(sent.body)['thread_id']}"] = sent
    return _seen.get(sent.path, sent) if sent.method == "GET" and sent.status == 404 else sent


def anything_is_found(sent: Exchange) -> Exchange:
    """A thread that is not there has an empty history."""
    missing = sent.status == 404 and sent.path.endswith("/history")
    return replace(sent, status=200, body=b"[]") if missing else sent


def state_without_next(sent: Exchange) -> Exchange:
    """A state does not tell which nodes are due."""
    return without(sent, "next") if sent.answers(STATE) else sent


def state_of_another(sent: Exchange) -> Exchange:
    """A state is one of another thread."""

    def mix_up(state: Any) -> Any:
        checkpoint = state.get("checkpoint")
        return state | {"checkpoint": checkpoint | {"thread_id": "another"}} if checkpoint else state

    return changed(sent, mix_up) if sent.answers(STATE) else sent


def state_as_text(sent: Exchange) -> Exchange:
    """A state is sent as text."""
    return replace(sent, headers=sent.headers | {b"content-type": b"text/plain"}) if sent.answers(STATE) else sent


def subgraphs_fail(sent: Exchange) -> Exchange:
    """The states of subgraphs cannot be read."""
    broken = sent.answers(STATE) and b"subgraphs=true" in sent.query.lower() and b'"checkpoint_ns"' in sent.body
    return failed(sent, 500, {"detail": "Internal Server Error"}) if broken else sent


def select_ignored(sent: Exchange) -> Exchange:
    """A state has more keys than were selected."""
    selected = sent.answers(STATE) and b"select=" in sent.query
    return changed(sent, lambda state: {"tasks": [], "values": {}, "next": [], **state}) if selected else sent


def limit_ignored(sent: Exchange) -> Exchange:
    """A history has more states than were asked for."""
    return changed(sent, lambda states: states * 11) if sent.answers(HISTORY) else sent


def oldest_first(sent: Exchange) -> Exchange:
    """A history begins with its oldest state."""
    return changed(sent, lambda states: states[::-1]) if sent.answers(HISTORY) else sent


def before_included(sent: Exchange) -> Exchange:
    """A history before a checkpoint begins with that checkpoint."""

    def include(states: Any) -> Any:
        later = {"checkpoint_id": "f" + states[0]["checkpoint_id"][1:]} if states else {}
        return [{**states[0], **later, "checkpoint": None}, *states[1:]] if states else states

    return changed(sent, include) if sent.answers(HISTORY) and b"before=1" in sent.query else sent


def timing_without_names(sent: Exchange) -> Exchange:
    """`Server-Timing` has numbers only."""
    return replace(sent, headers=sent.headers | {b"server-timing": b"1.5, 2"}) if sent.answers(THREAD) else sent


def _in_thread(sent: Exchange, change: Any) -> Exchange:
    return changed(sent, change) if sent.answers(THREAD) else sent


THREAD_BUGS = (
    busy_error,
    busy_interrupts,
    error_as_text,
    thread_renamed,
    lifetime_lost,
    thread_created,
    taken_is_invalid,
    deleted_with_body,
    deleted_is_found,
    anything_is_found,
    state_without_next,
    state_of_another,
    state_as_text,
    subgraphs_fail,
    select_ignored,
    limit_ignored,
    oldest_first,
    before_included,
    timing_without_names,
)
