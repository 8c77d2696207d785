"""Runs: the record of each, and the queue of those that wait."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from treadle.errors import TreadleError
from treadle.storage.contract.deliveries import Delivery
from treadle.storage.contract.threads import ThreadRecord, ThreadState

Status = Literal["pending", "running", "error", "success", "timeout", "interrupted"]

CancelAction = Literal["interrupt", "rollback"]

ENDED: Final = frozenset({"error", "success", "timeout", "interrupted"})
"""The terminal states."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `values`, `error` and `interrupts` are JSON, encoded once, where the graph ran."""

    status: Status
    values: bytes | None = None
    error: bytes | None = None
    interrupts: bytes | None = None
    cancelled: bytes | None = None
    """Why the run was cancelled, as the JSON of an error. A wait still answers with the values so far."""
    first_event_at: float | None = None
    feedback: bytes | None = None
    """The URL for feedback under each key, as JSON: the same ones that the stream of the run sent."""


@dataclass(frozen=True)
class RunKwargs:
    """What a run was asked to do. Names and order are those of the API's `kwargs`."""

    input: Any = None
    command: dict[str, Any] | None = None
    config: dict[str, Any] = field(default_factory=dict)
    """The request's config with the server's own keys: what graph and thread are made with."""
    context: dict[str, Any] = field(default_factory=dict)
    stream_mode: list[str] = field(default_factory=lambda: ["values"])
    interrupt_before: Any = None
    interrupt_after: Any = None
    webhook: str | None = None
    feedback_keys: list[str] | None = None
    temporary: bool = True
    """Whether the thread is deleted with the run (`on_completion: delete`)."""
    subgraphs: bool = False
    resumable: bool = False
    """Whether its events can be replayed (`stream_resumable`)."""
    checkpoint_during: bool = True
    durability: Literal["sync", "async", "exit"] = "async"

    def to_json(self) -> dict[str, Any]:
        """The fields by name, as a new object."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> RunKwargs:
        """The record that `to_json` of this version or an older one gave."""
        kind = SealedKwargs if "sealed" in stored else cls
        return kind(**{name: stored[name] for name in kind.__dataclass_fields__ if name in stored})


@dataclass(frozen=True)
class SealedKwargs(RunKwargs):
    """Kwargs that are encrypted: a backend sees the flags that it needs, and passes the rest through."""

    sealed: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the two plain flags and the sealed rest by name."""
        return {"temporary": self.temporary, "resumable": self.resumable, "sealed": self.sealed}


class RunRecord(NamedTuple):
    """A run as it is stored. A named tuple: changed copies of it are made several times a run."""

    run_id: str
    thread_id: str
    assistant_id: str
    graph_id: str
    metadata: dict[str, Any]
    kwargs: RunKwargs
    multitask_strategy: Any
    created_at: float
    due: float
    size: int
    status: Status = "pending"
    attempt: int = 0
    claim: str | None = None
    shared: bool = False
    """Whether its events are written to the store from the first one, and not only when another process follows."""
    base_url: str | None = None
    """URL under which the client reached the server, for feedback links; None if the run has no `feedback_keys`."""
    updated_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    expires_at: float | None = None
    attached_until: float | None = None
    """Until when a client counts as attached, of a run that is cancelled if it has none; None if it needs none."""
    outcome: Outcome | None = None
    encryption: dict[str, Any] | None = None
    """The author's context of the request that created it, if what is stored of it is encrypted."""
    unreadable: str | None = None
    """Why it cannot be decrypted; then it has neither metadata nor kwargs, and can only fail."""

    def __repr__(self) -> str:
        # Without input and output, which may be large and private.
        return f"<RunRecord {self.run_id} graph={self.graph_id!r} {self.status} attempt={self.attempt}>"

    @property
    def temporary(self) -> bool:
        """Whether its thread is deleted with it."""
        return self.kwargs.temporary

    @property
    def thread_is_gone(self) -> bool:
        """Whether the thread was temporary and ended with this run."""
        return self.temporary and self.ended_at is not None

    @property
    def resumable(self) -> bool:
        """Whether its events can be replayed."""
        return self.kwargs.resumable

    def ended_with(self, outcome: Outcome, at: float) -> RunRecord:
        """This run after it ended at that time."""
        return self._replace(status=outcome.status, outcome=outcome, updated_at=at, ended_at=at)


@dataclass(frozen=True, slots=True)
class Ending:
    """Everything that the transaction which ends a run writes."""

    outcome: Outcome
    at: float
    """The end of the run, in seconds since the epoch. Retention begins here."""
    left: ThreadState | None = None
    """The state that the run leaves in its kept thread; None: the thread stays as it is."""
    webhook: Delivery | None = None
    """The delivery that the run owes. Retention of a temporary run begins only when it has ended."""
    run: RunRecord | None = None
    """The run, as the process that ends it knows it."""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request with an `Idempotency-Key`: it creates its runs once, however often it is sent by `caller`."""

    caller: str
    key: str
    fingerprint: str
    """Hash of the request: a different request with the same key is refused."""
    expires_at: float
    """When the key expires. Its runs are kept until then, unless the store needs their room."""
    run_ids: tuple[str, ...] = ()
    """The runs that it created."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A cancel or rollback of a running run, asked for by another process."""

    action: CancelAction
    reason: str


class KeyTaken(TreadleError):
    """An earlier request has the same `Idempotency-Key`."""

    def __init__(self, earlier: IdempotentRequest) -> None:
        super().__init__()
        self.earlier = earlier


class RunStore(ABC):
    """The queue and the records of runs.

    One transaction writes everything in an `Ending`: outcome, state of the thread and webhook.
    """

    @abstractmethod
    async def add(
        self, records: Sequence[RunRecord], threads: Sequence[ThreadRecord] = (), once: IdempotentRequest | None = None
    ) -> None:
        """Commit new runs and their threads: all of them, or none. This process may have claimed a run already.

        Raises KeyTaken, and adds nothing, if an earlier request has the key of `once`. Of concurrent requests with one
        key, in any processes, exactly one adds its runs. Raises QueueFull (503) if the queue has no room for the
        pending runs.
        """

    @abstractmethod
    async def first(self, caller: str, key: str) -> IdempotentRequest | None:
        """The request that first used the caller's key, or None if the key is unknown or has expired."""

    @abstractmethod
    async def get(self, run_id: str) -> RunRecord | None:
        """The run, or None if it is unknown or its retention has ended."""

    @abstractmethod
    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        """The runs of the thread and with the status, the newest first."""

    @abstractmethod
    async def claim(self, limit: int, held: Collection[str] = ()) -> list[RunRecord]:
        """Claim up to `limit` runs, the longest due first. Each gets a new claim, and exactly one caller.

        A claimable run is pending and due, or running under an expired lease: then its next attempt begins. Runs of
        graphs that this process does not have, and those that it still has under way (`held`), are skipped.
        """

    @abstractmethod
    async def next_due(self, held: Collection[str] = ()) -> float | None:
        """The next time at which a pending run is due or a lease expires, except for runs in `held`.

        None if there is no such run.
        """

    @abstractmethod
    async def renew(self, claims: Mapping[str, str], *, extend: bool) -> dict[str, CancelRequest | None]:
        """The runs that are still held under these claims (run id -> claim), each with its cancel request, if any.

        With `extend`, their leases begin again.
        """

    @abstractmethod
    async def give_back(self, run_id: str, claim: str) -> None:
        """Make a running run pending again, without counting this attempt. No effect if it has another claim."""

    @abstractmethod
    async def request_cancel(self, run_id: str, request: CancelRequest) -> bool:
        """Ask the process that has the run to cancel it.

        False if the run is not running or is already being cancelled; but a rollback replaces an interrupt.
        """

    @abstractmethod
    async def settle(self, run_id: str, claim: str, ending: Ending) -> RunRecord:
        """End the run, once, and return it.

        Raises LeaseLost if the run is not running under `claim`.
        """

    @abstractmethod
    async def cancel_pending(self, run_id: str, ending: Ending) -> RunRecord | None:
        """End the run before it starts, and return it; None if it is no longer pending."""

    @abstractmethod
    async def attach(self, run_ids: Collection[str]) -> None:
        """Note that a client is attached to each of these runs, unless it has ended, for a lease from now on."""

    @abstractmethod
    async def detached(self) -> list[str]:
        """The unfinished runs to which a client was attached, and no longer is."""

    @abstractmethod
    async def remove(self, run_id: str, ending: Ending | None = None) -> None:
        """Delete the run at once. Its kept thread stays, in the state that `ending` leaves.

        The webhook of `ending` is delivered only if the run has not ended before.
        """

    @abstractmethod
    async def sweep(self) -> tuple[list[str], float | None]:
        """Delete ended runs after their retention. Returns their ids, and the time of the next sweep, if any is due."""
