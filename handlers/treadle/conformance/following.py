"""Checks of the operations on a run that exists: reading, joining, cancelling, deleting; and of the server itself."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from treadle.conformance.attempts import Attempt, Created, Probe
from treadle.conformance.operations import (
    CANCEL_RUNS,
    CANCELS,
    DELETES,
    DOCUMENT,
    GETS,
    INFO,
    JOINS,
    OK,
    RUNS,
    STREAMS,
)
from treadle.conformance.streams import ordinal
from treadle.conformance.verdicts import NotTried, require

Check = Callable[[Attempt], None]
FAR = 120.0
"""Seconds until a run is due that is cancelled before."""


def probes() -> list[Probe]:
    """All checks of this module."""
    return [
        Probe("a finished run", GETS, _get, keeps=True),
        Probe("a finished run", JOINS, _join, keeps=True),
        Probe("Last-Event-ID", STREAMS, _resume, keeps=True),
        Probe("a pending run", CANCELS, _cancel()),
        Probe("action=interrupt", CANCELS, _cancel(action="interrupt")),
        Probe("action=rollback", CANCELS, _rollback),
        Probe("wait=true", CANCELS, _cancel(wait="true")),
        Probe("invalid action", CANCELS, _invalid_action),
        Probe("a finished run", CANCELS, _cancel_finished, keeps=True),
        Probe("a finished run", DELETES, _delete, keeps=True),
        Probe("unknown run", (*GETS, *JOINS, *STREAMS, *CANCELS, *DELETES), _unknown),
        Probe("malformed id", (*GETS, *JOINS, *STREAMS, *CANCELS, *DELETES), _malformed),
        Probe("runs by id", (CANCEL_RUNS,), _cancel_by_id),
        Probe("no runs", (CANCEL_RUNS,), _cancel_none),
        Probe("invalid body", (CANCEL_RUNS,), _cancel_nothing),
        Probe("health", (OK,), _ok),
        Probe("check_db", (OK,), _ok_with_store),
        Probe("versions", (INFO,), _info),
        Probe("the document", (DOCUMENT,), _document),
    ]


def _run(attempt: Attempt, **fields: object) -> Created:
    """A background run, which the operations are tried on."""
    if RUNS not in attempt.target.offered:
        raise NotTried(f"it needs {RUNS}")
    return attempt.create(RUNS, keep=True, **fields)


def _finished(attempt: Attempt, **fields: object) -> Created:
    created = _run(attempt, **fields)
    status = attempt.until(created, "success", "error")
    require(status is not None, "a run that is to be kept is not found")
    return created


def _get(attempt: Attempt) -> None:
    created = _finished(attempt, metadata={"conform": "kept"})
    answer = attempt.send(ids=created.ids)
    attempt.require_status(answer, 200, "a run that is kept")
    for name in ("run_id", "thread_id", "assistant_id"):
        shown = (created.shown or {}).get(name)
        require(answer.json.get(name) == shown, f"{name} is {answer.json.get(name)}, and was {shown}")
    metadata = answer.json.get("metadata") or {}
    require(metadata.get("conform") == "kept", f"the metadata {metadata} is without what was sent")


def _join(attempt: Attempt) -> None:
    created = _run(attempt)
    first = attempt.send(ids=created.ids)
    attempt.require_status(first, 200, "a run that is under way")
    again = attempt.send(ids=created.ids)
    require(again.json == first.json, "a second join gives another outcome than the first")


def _resume(attempt: Attempt) -> None:
    created = _run(attempt, stream_resumable=True, stream_mode=["values", "updates"])
    answer = attempt.send(ids=created.ids, headers={"last-event-id": "-1"})
    attempt.require_order(answer, created.run_id, resumable=True)
    events = answer.events
    for position in dict.fromkeys((0, len(events) // 2)):
        last = events[position].id or ""
        rest = attempt.send(ids=created.ids, headers={"last-event-id": last}).events
        missed = [event.name for event in events[position + 1 :] if event not in rest]
        require(not missed, f"after Last-Event-ID {last}, these events are missing: {missed}")
        repeated = [event.name for event in rest if ordinal(event.id or "0") <= ordinal(last)]
        require(not repeated, f"after Last-Event-ID {last}, these events come again: {repeated}")


def _cancel(**query: str) -> Check:
    def check(attempt: Attempt) -> None:
        created = _run(attempt, after_seconds=FAR)
        answer = attempt.send(ids=created.ids, query=query)
        expected = 200 if "wait" in query else 202
        attempt.require_status(answer, expected, "to cancel a pending run")
        if not attempt.target.read_only:
            status = attempt.until(created, "interrupted")
            require(status == "interrupted", f"a cancelled run is {status}")

    return check


def _rollback(attempt: Attempt) -> None:
    created = _run(attempt, after_seconds=FAR)
    answer = attempt.send(ids=created.ids, query={"action": "rollback"})
    attempt.require_status(answer, 202, "to roll a pending run back")
    status = attempt.until(created, "rollback")
    require(status is None, f"a run that is rolled back is still found, as {status}")


def _invalid_action(attempt: Attempt) -> None:
    created = _run(attempt)
    answer = attempt.send(ids=created.ids, query={"action": "treadle-conform"})
    attempt.require_status(answer, 422, "action=treadle-conform")


def _cancel_finished(attempt: Attempt) -> None:
    answer = attempt.send(ids=_finished(attempt).ids)
    attempt.require_status(answer, 404, "to cancel a run that has ended")


def _delete(attempt: Attempt) -> None:
    created = _finished(attempt)
    answer = attempt.send(ids=created.ids)
    attempt.require_status(answer, 204, "to delete a run")
    require(attempt.run(created) is None, "a deleted run is still found")


def _unknown(attempt: Attempt) -> None:
    answer = attempt.send(ids={"run_id": str(uuid4()), "thread_id": str(uuid4())})
    attempt.require_status(answer, 404, "a run that does not exist")


def _malformed(attempt: Attempt) -> None:
    answer = attempt.send(ids={"run_id": "treadle-conform", "thread_id": str(uuid4())})
    attempt.require_status(answer, 422, "an id that is no UUID")


def _cancel_by_id(attempt: Attempt) -> None:
    created = _run(attempt, after_seconds=FAR)
    answer = attempt.send(body={"thread_id": created.thread_id, "run_ids": [created.run_id]})
    attempt.require_status(answer, 204, "to cancel a pending run by its id")
    if not attempt.target.read_only:
        status = attempt.until(created, "interrupted")
        require(status == "interrupted", f"a cancelled run is {status}")


def _cancel_none(attempt: Attempt) -> None:
    answer = attempt.send(body={"thread_id": str(uuid4()), "run_ids": [str(uuid4())]})
    attempt.require_status(answer, 404, "to cancel a run that does not exist")


def _cancel_nothing(attempt: Attempt) -> None:
    answer = attempt.send(body={})
    attempt.require_status(answer, 422, "a body that names no runs")


def _ok(attempt: Attempt) -> None:
    answer = attempt.send()
    attempt.require_status(answer, 200, "a server that can be examined")


def _ok_with_store(attempt: Attempt) -> None:
    answer = attempt.send(query={"check_db": "1"})
    attempt.require_status(answer, 200, "the store of a server that can be examined")


def _info(attempt: Attempt) -> None:
    require(attempt.send().json.get("version"), "the version is missing")


def _document(attempt: Attempt) -> None:
    paths = attempt.send().json.get("paths")
    require(paths, "the document has no paths")
