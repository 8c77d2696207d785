"""Checks of the fields of a run: each is accepted, and has the effect that the contract describes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from treadle.conformance.attempts import PATIENCE, Attempt, Probe
from treadle.conformance.graphs import ASKING, ECHO, FAILING, SLOW, STEPS
from treadle.conformance.operations import BATCH, CREATES, RUNS, STREAM, WAIT
from treadle.conformance.verdicts import NotTried, require

Check = Callable[[Attempt], None]
DELAY = 0.6
VALUES: tuple[Any, ...] = ("ü \u2028 \U0001f600", 0, -1.5, True, None, [], {"a": {"b": [1, "2", None]}})
"""Inputs that have to come back as they were sent."""


def probes() -> list[Probe]:
    """All checks of this module."""
    listed = (RUNS, BATCH)
    return [
        Probe("input", CREATES, _input, "input", graphs=True),
        Probe("metadata", CREATES, _seen({"metadata": {"conform": "m"}}, "metadata", "m"), "metadata", graphs=True),
        Probe("metadata of the Run", listed, _listed({"metadata": {"conform": "m"}}, "metadata", "m"), "metadata"),
        Probe("context", CREATES, _seen({"context": {"conform": "c"}}, "context", "c"), "context", graphs=True),
        *(Probe(f"config.{name}", CREATES, check, "config", graphs=True) for name, check in CONFIG.items()),
        Probe("context against config", CREATES, _contradiction, "context"),
        Probe("command", CREATES, _command, "command", graphs=True),
        Probe("command.resume", CREATES, _resume, "command"),
        Probe("interrupt_before", CREATES, _stops("before", "model", ["first"]), "interrupt_before", graphs=True),
        Probe("interrupt_after", CREATES, _stops("after", "model", ["first", "model"]), "interrupt_after", graphs=True),
        Probe("on_completion=keep", CREATES, _keep, "on_completion", keeps=True),
        Probe("on_completion=delete", CREATES, _delete, "on_completion"),
        Probe("on_disconnect=cancel", (WAIT, STREAM), _leave("cancel"), "on_disconnect", graphs=True, keeps=True),
        Probe("on_disconnect=continue", (WAIT, STREAM), _leave("continue"), "on_disconnect", graphs=True, keeps=True),
        Probe("after_seconds", CREATES, _later, "after_seconds"),
        *(Probe(f"durability={word}", CREATES, _runs(durability=word), "durability") for word in DURABILITY),
        Probe("checkpoint_during=false", CREATES, _runs(checkpoint_during=False), "checkpoint_during"),
        *(Probe(f"multitask_strategy={word}", CREATES, _strategy(word), "multitask_strategy") for word in STRATEGIES),
        Probe("feedback_keys", CREATES, _feedback, "feedback_keys"),
        Probe("unknown field", CREATES, _runs(treadle_conform=1)),
        Probe("a run that fails", CREATES, _failure, graphs=True),
        Probe("a run that asks", CREATES, _question, graphs=True),
    ]


DURABILITY = ("sync", "async", "exit")
STRATEGIES = ("enqueue", "reject", "interrupt", "rollback")


def _runs(**fields: Any) -> Check:
    def check(attempt: Attempt) -> None:
        attempt.success(**fields)

    return check


def _input(attempt: Attempt) -> None:
    back = attempt.success(assistant_id=ECHO, input={"given": VALUES})
    require(back.get("given") == list(VALUES), f"the input {VALUES!r} comes back as {back.get('given')!r}")


def _seen(fields: dict[str, Any], name: str, expected: Any) -> Check:
    def check(attempt: Attempt) -> None:
        seen = attempt.success(assistant_id=ECHO, input={"given": 1}, **fields).get("seen", {})
        require(seen.get(name) == expected, f"the run sees {seen.get(name)!r} as its {name}, and not {expected!r}")

    return check


def _recursion_limit(attempt: Attempt) -> None:
    values = attempt.outcome(assistant_id=STEPS, input={"trail": []}, config={"recursion_limit": 1})
    error = (values.get("__error__") or {}).get("error")
    require(error == "GraphRecursionError", f"a limit of 1 for three steps ends with {error or 'success'}")


CONFIG: dict[str, Check] = {
    "configurable": _seen({"config": {"configurable": {"conform": "c"}}}, "configurable", "c"),
    "metadata": _seen({"config": {"metadata": {"conform": "m"}}}, "metadata", "m"),
    "tags": _seen({"config": {"tags": ["conform"]}}, "tags", ["conform"]),
    "recursion_limit": _recursion_limit,
}


def _listed(fields: dict[str, Any], name: str, expected: Any) -> Check:
    def check(attempt: Attempt) -> None:
        shown = (attempt.create(**fields).shown or {}).get(name) or {}
        require(shown.get("conform") == expected, f"the {name} of the Run is {shown}, without what was sent")

    return check


def _contradiction(attempt: Attempt) -> None:
    body = attempt.body(context={"conform": 1}, config={"configurable": {"conform": 2}})
    attempt.require_refusal(body, 400, "one key with two values in context and config.configurable")


def _resume(attempt: Attempt) -> None:
    attempt.require_refusal(attempt.body(command={"resume": "treadle-conform"}), 400, "a run that is to be resumed")


def _command(attempt: Attempt) -> None:
    values = attempt.outcome(assistant_id=STEPS, input=None, command={"goto": "aside", "update": {"trail": ["sent"]}})
    require("aside" in (values.get("trail") or []), f"a command that goes to a node ends with {values!r:.200}")


def _stops(when: str, node: str, expected: list[str]) -> Check:
    def check(attempt: Attempt) -> None:
        trail = attempt.success(assistant_id=STEPS, input={"trail": []}, **{f"interrupt_{when}": [node]}).get("trail")
        require(trail == expected, f"the run stops after {trail}, and not after {expected}")

    return check


def _keep(attempt: Attempt) -> None:
    created = attempt.create(on_completion="keep")
    status = attempt.until(created, "success", "error")
    require(status is not None, "a run that is to be kept is not found")
    require(status in ("success", "error"), f"the run is {status} after {PATIENCE:g} seconds")
    run = attempt.run(created)
    require(run is not None, "a run that is to be kept is not found after its end")
    if run is not None and run.get("thread_id"):
        attempt.target.kept.add(run["thread_id"])


def _delete(attempt: Attempt) -> None:
    label = "GET /threads/{thread_id}/runs/{run_id}"
    created = attempt.create(on_completion="delete")
    thread_id = created.thread_id
    if thread_id is None:
        run = attempt.run(created)
        thread_id = (run or {}).get("thread_id")
    if thread_id is None or label not in attempt.target.offered:
        raise NotTried(f"it needs {label}")
    deadline = time.monotonic() + PATIENCE
    while (found := attempt.send(label, ids={**created.ids, "thread_id": thread_id}).status) != 404:
        require(time.monotonic() < deadline, f"{label} still gives {found} {PATIENCE:g} seconds after the run")
        time.sleep(0.05)


def _leave(word: str) -> Check:
    def check(attempt: Attempt) -> None:
        run = {"assistant_id": SLOW, "input": {"seconds": 20.0 if word == "cancel" else 0.3}, "stream_mode": ["custom"]}
        created = attempt.leave(**run, on_completion="keep", on_disconnect=word)
        expected = "interrupted" if word == "cancel" else "success"
        status = attempt.until(created, "interrupted", "success", "error")
        require(status == expected, f"after its client has left, the run becomes {status}, and not {expected}")

    return check


def _later(attempt: Attempt) -> None:
    started = time.monotonic()
    attempt.outcome(after_seconds=DELAY)
    elapsed = time.monotonic() - started
    require(elapsed > DELAY * 0.9, f"a run that is due in {DELAY:g} seconds ends after {elapsed:.2f}")


def _strategy(word: str) -> Check:
    def check(attempt: Attempt) -> None:
        created = attempt.create(multitask_strategy=word)
        shown = created.shown or {"multitask_strategy": word}
        require(shown.get("multitask_strategy") == word, f"the Run shows {shown.get('multitask_strategy')!r}")

    return check


def _feedback(attempt: Attempt) -> None:
    if attempt.operation != STREAM:
        attempt.success(feedback_keys=["conform"])
        return
    events = attempt.create(feedback_keys=["conform"]).answer.events
    last = events[-1]
    require(last.name == "feedback", f"the last event is {last.name}, and not feedback: {last.data!r:.200}")
    require(set(last.data) == {"conform"}, f"the links are for {sorted(last.data)}, and not for the key that was sent")


def _failure(attempt: Attempt) -> None:
    error = attempt.outcome(assistant_id=FAILING, input={"given": 1}).get("__error__")
    expected = {"error": "ValueError", "message": "conform"}
    require(error == expected, f"a run that raises ValueError('conform') ends with {error}, and not with {expected}")


def _question(attempt: Attempt) -> None:
    asked = attempt.outcome(assistant_id=ASKING, input={"given": 1}).get("__interrupt__") or []
    values = [each.get("value") for each in asked]
    require(values == [{"question": "conform"}], f"a run that asks one question ends with the questions {values}")
