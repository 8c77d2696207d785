"""A run store behaves as a model of a few lines does, after any steps in any order.

A shared store is opened twice, as two processes have it, and each step is taken in one of the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.storage.stores import BACKENDS, KEPT, LEASE, RUN_TTL, TEMPORARY, Clock, address, ending, record, store
from treadle.errors import LeaseLost
from treadle.storage.contract.runs import ENDED, CancelRequest, Outcome, RunRecord
from treadle.storage.contract.store import Storage

T = TypeVar("T")
LEGAL = {("pending", "running"), ("running", "pending"), ("running", "running")}
LEGAL |= {(before, after) for before in ("pending", "running") for after in ENDED}
OUTCOMES = st.builds(Outcome, st.sampled_from(sorted(ENDED)), values=st.none() | st.binary(max_size=20))
REQUESTS = st.builds(CancelRequest, st.sampled_from(["interrupt", "rollback"]), st.text(max_size=5))
PROCESSES = st.integers(0, 1)
PICKS = st.integers(0, 99)


@dataclass
class Model:
    """The expected state of a run after the steps so far."""

    run: RunRecord
    lease: float | None = None
    request: CancelRequest | None = None


class RunStoreMachine(RuleBasedStateMachine):
    """Steps that workers and clients take, each with its expected result."""

    backend = ""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.opened = ExitStack()
        self.runner = self.opened.enter_context(asyncio.Runner())
        self.stores: list[Storage] = []
        self.models: dict[str, Model] = {}
        self.claims: list[str] = []
        self.ids = count()
        self.observed: dict[str, RunRecord] = {}

    @initialize()
    def open(self) -> None:
        folder = Path(self.opened.enter_context(TemporaryDirectory()))
        self.shared = self.backend != "memory"
        uri = self.opened.enter_context(address(self.backend, folder))
        for _ in range(1 + self.shared):
            self.stores.append(self.do(store(uri, self.clock)))

    def teardown(self) -> None:
        for each in self.stores:
            self.do(each.close())
        self.opened.close()

    def runs(self, process: int) -> Any:
        return self.stores[process % len(self.stores)].runs

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def pick(self, number: int) -> Model:
        return list(self.models.values())[number % len(self.models)]

    def in_state(self, *statuses: str) -> list[Model]:
        return [model for model in self.models.values() if model.run.status in statuses]

    def claimable(self) -> list[Model]:
        now = self.clock.now
        due = [model for model in self.in_state("pending") if model.run.due <= now]
        return due + [model for model in self.in_state("running") if model.lease is not None and model.lease <= now]

    def begins(self, model: Model, run: RunRecord) -> None:
        assert run.claim and run.claim not in self.claims, "a claim is never given twice"
        self.claims.append(run.claim)
        model.run = run
        model.lease = self.clock.now + LEASE if self.shared else None

    def ends(self, model: Model, ended: RunRecord, outcome: Outcome) -> None:
        assert (ended.status, ended.outcome, ended.ended_at) == (outcome.status, outcome, self.clock.now)
        assert ended.expires_at == (self.clock.now + RUN_TTL if ended.temporary else None)
        model.run, model.lease = ended, None

    @rule(
        process=PROCESSES,
        number=st.integers(1, 3),
        delay=st.sampled_from([-5.0, 0.0, 0.0, 10.0]),
        kept=st.booleans(),
        at_once=st.booleans(),
    )
    def add(self, process: int, number: int, delay: float, kept: bool, at_once: bool) -> None:
        now = self.clock.now
        run = record("", now + delay, kwargs=KEPT if kept else TEMPORARY)
        new = [run._replace(run_id=f"run {next(self.ids)}") for _ in range(number)]
        if at_once:
            new = [each._replace(status="running", claim=f"own {each.run_id}", attempt=1) for each in new]
        self.do(self.runs(process).add(new))
        for each in new:
            self.models[each.run_id] = model = Model(each)
            if at_once:
                self.begins(model, each)

    @rule(process=PROCESSES, limit=st.integers(0, 4))
    def claim(self, process: int, limit: int) -> None:
        expected = sorted(model.run.due for model in self.claimable())[:limit]
        free = {model.run.run_id for model in self.claimable()}
        taken = self.do(self.runs(process).claim(limit))
        assert [run.due for run in taken] == expected
        for run in taken:
            model = self.models[run.run_id]
            assert run.run_id in free, "never two holders of one run"
            assert (run.status, run.attempt) == ("running", model.run.attempt + 1)
            free.remove(run.run_id)
            self.begins(model, run)

    @rule(seconds=st.sampled_from([1.0, 5.0, LEASE, RUN_TTL, 1e6]))
    def advance(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.models)
    @rule(process=PROCESSES, extend=st.booleans(), only=PICKS)
    def renew(self, process: int, extend: bool, only: int) -> None:
        """Renew the claims of all runs but one; runs that are not running get a wrong claim."""
        left_out = self.pick(only)
        running = [model for model in self.in_state("running") if model is not left_out]
        asked = {model.run.run_id: "wrong" for model in self.models.values() if model is not left_out}
        asked |= {model.run.run_id: model.run.claim or "" for model in running}
        held = self.do(self.runs(process).renew(asked, extend=extend))
        assert held == {model.run.run_id: model.request for model in running}
        for model in running:
            if extend and self.shared:
                model.lease = self.clock.now + LEASE

    @precondition(lambda self: self.models)
    @rule(process=PROCESSES, number=PICKS, outcome=OUTCOMES, old=st.none() | PICKS)
    def settle(self, process: int, number: int, outcome: Outcome, old: int | None) -> None:
        model = self.pick(number)
        claim = model.run.claim or "none"
        if old is not None and self.claims:
            claim = self.claims[old % len(self.claims)]
        settling = self.runs(process).settle(model.run.run_id, claim, ending(outcome, at=self.clock.now))
        if model.run.status == "running" and claim == model.run.claim:
            self.ends(model, self.do(settling), outcome)
        else:
            with pytest.raises(LeaseLost):
                self.do(settling)

    @precondition(lambda self: self.models)
    @rule(process=PROCESSES, number=PICKS, outcome=OUTCOMES)
    def cancel_pending(self, process: int, number: int, outcome: Outcome) -> None:
        model = self.pick(number)
        ended = self.do(self.runs(process).cancel_pending(model.run.run_id, ending(outcome, at=self.clock.now)))
        assert (ended is not None) == (model.run.status == "pending")
        if ended is not None:
            self.ends(model, ended, outcome)

    @precondition(lambda self: self.models)
    @rule(process=PROCESSES, number=PICKS, request=REQUESTS)
    def request_cancel(self, process: int, number: int, request: CancelRequest) -> None:
        model = self.pick(number)
        before = model.request
        news = before is None or (before.action, request.action) == ("interrupt", "rollback")
        told = self.do(self.runs(process).request_cancel(model.run.run_id, request))
        assert told == (self.shared and model.run.status == "running" and news)
        if told:
            model.request = request

    @precondition(lambda self: self.models)
    @rule(process=PROCESSES, number=PICKS, right=st.booleans())
    def give_back(self, process: int, number: int, right: bool) -> None:
        model = self.pick(number)
        claim = model.run.claim if right and model.run.claim else "wrong"
        self.do(self.runs(process).give_back(model.run.run_id, claim))
        if model.run.status == "running" and right:
            model.run = model.run._replace(status="pending", claim=None, attempt=model.run.attempt - 1)
            model.lease = None

    @precondition(lambda self: self.models)
    @rule(process=PROCESSES, number=PICKS)
    def remove(self, process: int, number: int) -> None:
        model = self.pick(number)
        self.do(self.runs(process).remove(model.run.run_id))
        del self.models[model.run.run_id]

    @rule(process=PROCESSES)
    def sweep(self, process: int) -> None:
        over = [model for model in self.models.values() if self.is_over(model)]
        gone, upcoming = self.do(self.runs(process).sweep())
        assert sorted(gone) == sorted(model.run.run_id for model in over)
        for model in over:
            del self.models[model.run.run_id]
        times = (model.run.expires_at for model in self.models.values())
        assert upcoming == min((time for time in times if time is not None), default=None)

    def is_over(self, model: Model) -> bool:
        return model.run.expires_at is not None and model.run.expires_at <= self.clock.now

    @invariant()
    def nothing_is_lost_and_nothing_else_is_there(self) -> None:
        kept = {model.run.run_id: model.run for model in self.models.values() if not self.is_over(model)}
        for process in range(len(self.stores)):
            found = {run.run_id: run for run in self.do(self.runs(process).find())}
            assert set(found) == set(kept)
            for run_id, run in found.items():
                assert self.do(self.runs(process).get(run_id)) == run
                self.is_what_was_done(run, kept[run_id])

    def is_what_was_done(self, run: RunRecord, expected: RunRecord) -> None:
        before = self.observed.get(run.run_id, run)
        assert (before.status, run.status) in LEGAL or before.status == run.status
        if before.status in ENDED:
            assert run == before, "an ended run does not change"
        self.observed[run.run_id] = run
        facts = ("status", "claim", "attempt", "due", "outcome", "expires_at", "started_at")
        for fact in facts:
            assert getattr(run, fact) == getattr(expected, fact), fact

    @invariant()
    def whoever_holds_a_run_hears_what_is_wanted_of_it(self) -> None:
        expected = {model.run.run_id: model.request for model in self.in_state("running")}
        claims = {model.run.run_id: model.run.claim or "" for model in self.in_state("running")}
        for process in range(len(self.stores)):
            assert self.do(self.runs(process).renew(claims, extend=False)) == expected

    @invariant()
    def it_says_when_there_is_something_to_claim(self) -> None:
        moments = [model.run.due for model in self.in_state("pending")]
        moments += [model.lease for model in self.in_state("running") if model.lease is not None]
        for process in range(len(self.stores)):
            assert self.do(self.runs(process).next_due()) == min(moments, default=None)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_store_does_what_its_model_does(backend: str) -> None:
    machine = type("Machine", (RunStoreMachine,), {"backend": backend})
    run_state_machine_as_test(
        machine,
        settings=settings(
            # A database takes half a second to be made.
            max_examples=15 if backend == "postgresql" else 40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
