"""One request for each operation, in an order in which each finds what it needs, on the example graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Answers = dict[str, Any]
"""The answers so far: step -> JSON."""

ASSISTANT = "5a1d37c5-6a0c-4d4e-9a43-8fd0c1a2b3e4"
QUESTION = {"messages": [{"role": "user", "content": "What is 12 * 7?"}]}
ALERT = {"email": "Subject: shop\nFrom: ops@company.com\n\nThe shop server is down, please fix it ASAP."}
INVOICE = {"email": "Subject: invoice 4711\n\nYou charged us twice in May. Please correct it by Friday."}
LATER = {"assistant_id": "agent", "input": QUESTION, "after_seconds": 600}
NAMESPACE = ["customers", "ana"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    path: dict[str, str] = field(default_factory=dict)
    query: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Step:
    """An operation and its request, which may need what earlier steps were answered."""

    operation: str
    request: Callable[[Answers], Request]
    name: str
    """The operation, unless the step only prepares another one."""

    @property
    def is_shown(self) -> bool:
        """Whether it is the example of its operation."""
        return self.name == self.operation


def steps() -> Iterator[Step]:
    """Every step."""
    yield from _system()
    yield from _assistants()
    yield from _runs()
    yield from _threads()
    yield from _thread_runs()
    yield from _store()
    yield from _endings()


def _step(operation: str, request: Callable[[Answers], Request] | None = None, name: str = "") -> Step:
    return Step(operation, request or (lambda answers: Request()), name or operation)


def _system() -> Iterator[Step]:
    yield _step("health_check")
    yield _step("server_info")
    yield _step("openapi_document")


def _assistants() -> Iterator[Step]:
    def of(answers: Answers, **more: Any) -> Request:
        return Request(path={"assistant_id": ASSISTANT}, **more)

    created = {
        "graph_id": "triage",
        "assistant_id": ASSISTANT,
        "name": "careful",
        "context": {"escalate_above": 0.2},
        "if_exists": "do_nothing",
    }
    yield _step("create_assistant", lambda _: Request(body=created))
    yield _step("search_assistants", lambda _: Request(body={"graph_id": "triage", "name": "careful", "limit": 10}))
    yield _step("count_assistants", lambda _: Request(body={"graph_id": "triage"}))
    yield _step("get_assistant", of)
    yield _step("update_assistant", lambda a: of(a, body={"context": {"escalate_above": 0.3}}))
    yield _step("list_assistant_versions", lambda a: of(a, body={"limit": 1}))
    yield _step("set_latest_assistant_version", lambda a: of(a, body={"version": 1}))
    yield _step("get_assistant_graph", of)
    yield _step("get_assistant_schemas", of)
    yield _step("list_assistant_subgraphs", of)
    path = {"assistant_id": ASSISTANT, "namespace": "extract"}
    yield _step("get_assistant_subgraph", lambda _: Request(path=path))


def _runs() -> Iterator[Step]:
    kept = {
        "assistant_id": "agent",
        "input": QUESTION,
        "stream_mode": ["updates"],
        "stream_resumable": True,
        "on_completion": "keep",
        "feedback_keys": ["helpful"],
    }
    mails = [{"assistant_id": "triage", "input": mail} for mail in (ALERT, INVOICE)]
    streamed = {"assistant_id": "triage", "input": ALERT, "stream_mode": ["custom"]}
    resumed = {"Last-Event-ID": "-1"}
    yield _step("wait_run", lambda _: Request(body={"assistant_id": "agent", "input": QUESTION}))
    yield _step("stream_run", lambda _: Request(body=streamed))
    yield _step("create_run", lambda _: Request(body=kept))
    yield _step("join_run", lambda a: Request(path={"run_id": a["create_run"]["run_id"]}))
    yield _step("join_run_stream", lambda a: Request(path={"run_id": a["create_run"]["run_id"]}, headers=resumed))
    yield _step("get_run", lambda a: Request(path={"run_id": a["create_run"]["run_id"]}))
    yield _step("create_run_batch", lambda _: Request(body=mails))
    yield _step("give_feedback", lambda a: Request(path=_link(a), body={"score": True, "comment": "thanks"}))
    yield _step("give_feedback_by_link", lambda a: Request(path=_link(a), query={"score": 1}))
    yield _step("create_run", lambda _: Request(body=LATER), "a run to cancel")
    yield _step("cancel_run", lambda a: Request(path={"run_id": a["a run to cancel"]["run_id"]}))
    yield _step("create_run", lambda _: Request(body=LATER), "a run to delete")
    yield _step("delete_run", lambda a: Request(path={"run_id": a["a run to delete"]["run_id"]}))
    yield _step("create_run", lambda _: Request(body=LATER), "runs to cancel")
    yield _step("cancel_runs", _cancelled)


def _link(answers: Answers) -> dict[str, str]:
    run = answers["get_run"]
    return {"run_id": run["run_id"], "token": run["feedback"][0]["url"].rsplit("/", 1)[1]}


def _cancelled(answers: Answers) -> Request:
    run = answers["runs to cancel"]
    return Request(body={"thread_id": run["thread_id"], "run_ids": [run["run_id"]]})


def _threads() -> Iterator[Step]:
    def of(answers: Answers, **more: Any) -> Request:
        return Request(path={"thread_id": answers["create_run"]["thread_id"]}, **more)

    def checkpoint(answers: Answers) -> Json:
        found: Json = answers["get_thread_state"]["checkpoint"]
        return {key: found[key] for key in ("checkpoint_id", "checkpoint_ns")}

    def at(answers: Answers) -> Request:
        ids = {"thread_id": answers["create_run"]["thread_id"], "checkpoint_id": checkpoint(answers)["checkpoint_id"]}
        return Request(path=ids)

    yield _step("create_thread", lambda _: Request(body={"metadata": {"customer": "ana"}}))
    yield _step("get_thread", of)
    yield _step("get_thread_state", of)
    yield _step("get_thread_state_at", at)
    yield _step("search_thread_state", lambda a: of(a, body={"checkpoint": checkpoint(a)}))
    yield _step("list_thread_history", lambda a: of(a, query={"limit": 1}))
    yield _step("search_thread_history", lambda a: of(a, body={"limit": 1}))


def _thread_runs() -> Iterator[Step]:
    def of(answers: Answers, step: str = "create_run", **more: Any) -> Request:
        return Request(path={key: answers[step][key] for key in ("thread_id", "run_id")}, **more)

    yield _step("list_thread_runs", lambda a: Request(path={"thread_id": a["create_run"]["thread_id"]}))
    yield _step("get_thread_run", of)
    yield _step("join_thread_run", of)
    yield _step("join_thread_run_stream", lambda a: of(a, headers={"Last-Event-ID": "-1"}))
    yield _step("create_run", lambda _: Request(body=LATER), "a run of a thread to cancel")
    yield _step("cancel_thread_run", lambda a: of(a, "a run of a thread to cancel"))


def _store() -> Iterator[Step]:
    item = {"namespace": NAMESPACE, "key": "plan", "value": {"tier": "gold"}}
    named = {"namespace": ".".join(NAMESPACE), "key": "plan"}
    yield _step("put_item", lambda _: Request(body=item))
    yield _step("get_item", lambda _: Request(query=named))
    yield _step("search_items", lambda _: Request(body={"namespace_prefix": ["customers"], "filter": {"tier": "gold"}}))
    yield _step("list_namespaces", lambda _: Request(body={"prefix": ["customers"]}))
    yield _step("delete_item", lambda _: Request(body={"namespace": NAMESPACE, "key": "plan"}))


def _endings() -> Iterator[Step]:
    run = ("thread_id", "run_id")
    yield _step("delete_thread_run", lambda a: Request(path={key: a["create_run"][key] for key in run}))
    yield _step("delete_thread", lambda a: Request(path={"thread_id": a["create_thread"]["thread_id"]}))
    yield _step("delete_assistant", lambda _: Request(path={"assistant_id": ASSISTANT}))
