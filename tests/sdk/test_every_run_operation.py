"""Runs read, joined, listed, cancelled and deleted by the SDK: under their thread, and by their id alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError

from tests.live import serving, until
from tests.sdk.both_clients import KINDS, client_of

UNKNOWN = "00000000-0000-0000-0000-000000000000"
RESULT = {"foo": 1, "items": ["a", "b"]}


def running(sdk: SyncLangGraphClient, **fields: Any) -> Any:
    """A run whose node would go on for half a minute."""
    run: Any = sdk.runs.create(None, "slow", input={"seconds": 30}, **fields)
    until(lambda: detail(sdk, run)["status"] == "running")
    return run


def pending(sdk: SyncLangGraphClient, **fields: Any) -> Any:
    """A run that will not start for a minute."""
    return sdk.runs.create(None, "slow", input={"seconds": 0}, after_seconds=60, **fields)


def kept(sdk: SyncLangGraphClient, **fields: Any) -> Any:
    """A run that has ended and whose thread stays."""
    run: Any = sdk.runs.create(None, "simple", input={"foo": 1}, on_completion="keep", **fields)
    sdk.runs.join(run["thread_id"], run["run_id"])
    return run


def detail(sdk: SyncLangGraphClient, run: Any) -> Any:
    """The run as it is now; the SDK has no method for `GET /runs/{run_id}`, only its transport."""
    return sdk.http.get(f"/runs/{run['run_id']}")


def ended(sdk: SyncLangGraphClient, run: Any) -> str:
    """The run's status at its end."""
    sdk.http.get(f"/runs/{run['run_id']}/join")
    return str(detail(sdk, run)["status"])


def ids(run: Any) -> tuple[str, str]:
    return run["thread_id"], run["run_id"]


class Under:
    """A run under its thread, by the SDK's methods."""

    def __init__(self, sdk: SyncLangGraphClient, run: Any) -> None:
        self._runs = sdk.runs
        self._ids = ids(run)

    def get(self) -> Any:
        return self._runs.get(*self._ids)

    def join(self) -> Any:
        return self._runs.join(*self._ids)

    def cancel(self, **options: Any) -> Any:
        return self._runs.cancel(*self._ids, **options)

    def delete(self) -> None:
        self._runs.delete(*self._ids)


class ById:
    """A run by its id alone: the SDK's transport, since it has no methods for it."""

    def __init__(self, sdk: SyncLangGraphClient, run: Any) -> None:
        self._http = sdk.http
        self._path = f"/runs/{run['run_id']}"

    def get(self) -> Any:
        return self._http.get(self._path)

    def join(self) -> Any:
        return self._http.request_reconnect(f"{self._path}/join", "GET", params={"cancel_on_disconnect": "false"})

    def cancel(self, *, wait: bool = False, action: str = "interrupt") -> Any:
        return self._http.post(f"{self._path}/cancel", json=None, params={"wait": int(wait), "action": action})

    def delete(self) -> None:
        self._http.delete(self._path)


FORMS = pytest.mark.parametrize("form", [Under, ById])


# Read and join


@FORMS
def test_a_run_is_read_while_it_runs_and_after_its_end(sdk: SyncLangGraphClient, form: Any) -> None:
    run = running(sdk, on_completion="keep", metadata={"mine": 1})
    seen = form(sdk, run).get()
    assert (seen["status"], seen["metadata"]["mine"], ids(seen)) == ("running", 1, ids(run))
    form(sdk, run).cancel(wait=True)
    assert form(sdk, run).get()["status"] == "interrupted"


@FORMS
def test_a_join_answers_what_a_wait_would_have(sdk: SyncLangGraphClient, form: Any) -> None:
    waiting: Any = sdk.runs.create(None, "slow", input={"seconds": 0.1})
    assert form(sdk, waiting).join() == {"seconds": 0.1, "done": True}
    assert form(sdk, waiting).join() == {"seconds": 0.1, "done": True}
    failing: Any = sdk.runs.create(None, "failing", input={"foo": "value"})
    assert form(sdk, failing).join() == {"__error__": {"error": "ValueError", "message": "boom"}}
    asking: Any = sdk.runs.create(None, "asking", input={"foo": 1})
    assert [item["value"] for item in form(sdk, asking).join()["__interrupt__"]] == [{"question": "sure?"}]


@FORMS
def test_an_unknown_run_is_not_found(sdk: SyncLangGraphClient, form: Any) -> None:
    """`join` raises httpx's own error, with the body as a note; all others a typed one."""
    unknown = form(sdk, {"thread_id": UNKNOWN, "run_id": UNKNOWN})
    for call in (unknown.get, unknown.cancel, unknown.delete):
        with pytest.raises(NotFoundError):
            call()
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        unknown.join()
    assert refusal.value.response.status_code == 404
    assert UNKNOWN in " ".join(refusal.value.__notes__)


@FORMS
def test_an_id_that_is_none_is_refused(sdk: SyncLangGraphClient, form: Any) -> None:
    with pytest.raises(UnprocessableEntityError, match="run_id"):
        form(sdk, {"thread_id": UNKNOWN, "run_id": "x"}).get()


# List


def test_the_runs_of_a_thread_are_listed_in_pages(sdk: SyncLangGraphClient) -> None:
    run = kept(sdk)
    thread_id = run["thread_id"]
    assert [ids(each) for each in sdk.runs.list(thread_id)] == [ids(run)]
    assert [ids(each) for each in sdk.runs.list(thread_id, limit=1, offset=0)] == [ids(run)]
    assert sdk.runs.list(thread_id, offset=1) == []
    assert sdk.runs.list(thread_id, limit=0) == []


def test_runs_are_listed_by_status(sdk: SyncLangGraphClient) -> None:
    run = kept(sdk)
    failed: Any = sdk.runs.create(None, "failing", input={"foo": "value"}, on_completion="keep")
    assert ended(sdk, failed) == "error"
    late = pending(sdk)
    shown = {"success": run, "error": failed, "pending": late}
    for status in ("success", "error", "pending", "running", "timeout", "interrupted"):
        for actual, each in shown.items():
            found = sdk.runs.list(each["thread_id"], status=status)
            assert len(found) == (1 if actual == status else 0)
    sdk.runs.delete(*ids(late))


def test_listed_runs_have_the_keys_asked_for(sdk: SyncLangGraphClient) -> None:
    run = kept(sdk)
    assert sdk.runs.list(run["thread_id"], select=["run_id", "status"]) == [
        {"run_id": run["run_id"], "status": "success"}
    ]


def test_runs_of_an_unknown_thread_are_not_found(sdk: SyncLangGraphClient) -> None:
    with pytest.raises(NotFoundError, match=UNKNOWN):
        sdk.runs.list(UNKNOWN)


# Cancel and delete one


@FORMS
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("make", [running, pending])
def test_a_cancelled_run_is_interrupted(sdk: SyncLangGraphClient, form: Any, wait: bool, make: Any) -> None:
    run = make(sdk, on_completion="keep")
    assert form(sdk, run).cancel(wait=wait, action="interrupt") == ({} if wait else None)
    if not wait:
        form(sdk, run).join()
    assert form(sdk, run).get()["status"] == "interrupted"
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        form(sdk, run).cancel(wait=wait)
    assert refusal.value.response.status_code == 404


@FORMS
@pytest.mark.parametrize("make", [running, pending])
def test_a_rolled_back_run_is_gone(sdk: SyncLangGraphClient, form: Any, make: Any) -> None:
    run = make(sdk, on_completion="keep")
    assert form(sdk, run).cancel(wait=True, action="rollback") == {}
    with pytest.raises(NotFoundError):
        form(sdk, run).get()
    assert sdk.threads.get(run["thread_id"])["status"] == "idle"


@FORMS
@pytest.mark.parametrize("make", [running, pending, kept])
def test_a_deleted_run_is_gone(sdk: SyncLangGraphClient, form: Any, make: Any) -> None:
    run = make(sdk)
    form(sdk, run).delete()
    until(lambda: missing(sdk, run))
    with pytest.raises(NotFoundError):
        form(sdk, run).delete()


def missing(sdk: SyncLangGraphClient, run: Any) -> bool:
    try:
        detail(sdk, run)
    except NotFoundError:
        return True
    return False


# Cancel many


@pytest.mark.parametrize(("action", "left"), [("interrupt", "interrupted"), ("rollback", None)])
def test_runs_are_cancelled_by_their_ids(sdk: SyncLangGraphClient, action: Any, left: str | None) -> None:
    run, other = running(sdk), pending(sdk)
    sdk.runs.cancel_many(thread_id=run["thread_id"], run_ids=[run["run_id"], other["run_id"]], action=action)
    if left:
        assert ended(sdk, run) == left
    else:
        until(lambda: missing(sdk, run))
    assert detail(sdk, other)["status"] == "pending"  # it is another thread's
    with pytest.raises(NotFoundError, match="No runs found to cancel"):
        sdk.runs.cancel_many(thread_id=run["thread_id"], run_ids=[run["run_id"]])
    sdk.runs.delete(*ids(other))


def test_a_choice_that_is_none_is_refused(sdk: SyncLangGraphClient) -> None:
    with pytest.raises(UnprocessableEntityError):
        sdk.runs.cancel_many()
    with pytest.raises(UnprocessableEntityError):
        sdk.runs.cancel_many(thread_id=UNKNOWN)


@pytest.fixture(scope="module", params=KINDS)
def alone(request: pytest.FixtureRequest) -> Iterator[SyncLangGraphClient]:
    """A client of a server of its own: a cancel by status reaches every run."""
    with serving() as live, client_of(request.param, live.url) as client:
        yield client


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("pending", ["interrupted", "running"]),
        ("running", ["pending", "interrupted"]),
        ("all", ["interrupted", "interrupted"]),
    ],
)
def test_runs_are_cancelled_by_status(alone: SyncLangGraphClient, status: Any, expected: list[str]) -> None:
    runs = [pending(alone), running(alone)]
    alone.runs.cancel_many(status=status, action="interrupt")
    until(lambda: [detail(alone, run)["status"] for run in runs] == expected)
    alone.runs.cancel_many(status="all", action="rollback")
    until(lambda: all(missing(alone, run) for run, end in zip(runs, expected, strict=True) if end != "interrupted"))
