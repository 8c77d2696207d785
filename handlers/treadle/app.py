"""The composition root: builds every part from the settings, and passes each part the others that it needs."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from treadle import __version__
from treadle.assistants.assistants import Assistants
from treadle.assistants.inspection import Inspection
from treadle.auth.authentication import Authentication
from treadle.auth.authorization import Authorization
from treadle.encoding import encode
from treadle.execution.attempt import Execution
from treadle.execution.attempts import Attempts
from treadle.execution.backpressure import Backpressure
from treadle.execution.claiming import Claiming
from treadle.execution.config import Deployment
from treadle.execution.endings import Endings
from treadle.execution.leases import Leases
from treadle.execution.retention import Retention
from treadle.execution.slots import Slots
from treadle.execution.worker import Work, Worker
from treadle.feedback.book import FeedbackBook
from treadle.feedback.links import FeedbackLinks
from treadle.graphs.assistants import KnownAssistants
from treadle.graphs.checkpointers import open_savers
from treadle.graphs.checkpoints import Checkpoints, OpenGraphs
from treadle.graphs.event_loops import GraphLoops
from treadle.graphs.loading import Graphs
from treadle.graphs.stores import open_stores
from treadle.items.items import Items
from treadle.keys import KeyRing
from treadle.outbox.addresses import Addresses
from treadle.outbox.dispatch import Outbox
from treadle.outbox.policy import WebhookPolicy, read_policy
from treadle.outbox.resolving import Resolve, SystemResolver
from treadle.outbox.sending import Sender
from treadle.outbox.signing import Signer
from treadle.runs.creation import Creation
from treadle.runs.lifecycle import Runs
from treadle.runs.webhooks import owing
from treadle.settings import Settings
from treadle.storage import open_storage
from treadle.storage.contract.store import Storage
from treadle.threads.lifecycle import Threads
from treadle.threads.states import ThreadStates
from treadle.web.access import Access, from_inside
from treadle.web.assistants import AssistantHandlers
from treadle.web.binding import Contract
from treadle.web.cancelling import CancelHandlers
from treadle.web.feedback import FeedbackHandlers
from treadle.web.joining import RunHandlers
from treadle.web.proxies import Proxies, fixed_prefix
from treadle.web.refusals import note_refusal
from treadle.web.rights import Guard
from treadle.web.routes import KEYLESS, bindings, routes
from treadle.web.stateless import StatelessRunHandlers
from treadle.web.store import StoreHandlers
from treadle.web.system import SystemHandlers
from treadle.web.threads import ThreadHandlers

# Headers of a reply that browsers may read, beside those that CORS always allows.
EXPOSED_HEADERS = (
    "x-pagination-total",
    "x-pagination-next",
    "content-location",
    "location",
    "idempotent-replayed",
    "treadle-ignored",
    "server-timing",
)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running server, alive while `services` is open."""

    runs: Runs
    creation: Creation
    threads: Threads
    states: ThreadStates
    feedback: FeedbackBook
    known_assistants: KnownAssistants
    assistants: Assistants
    inspection: Inspection
    items: Items
    storage: Storage
    checkpoints: Checkpoints
    graphs: Graphs
    worker: Worker
    deployment: Deployment
    settings: Settings
    guard: Guard | None
    """Finds the users of requests, if the configuration has them."""

    async def drain(self) -> None:
        """Take no new runs, and let those under way end within the grace period."""
        self.runs.close()
        await self.worker.stop(self.settings.shutdown_grace)
        self.storage.events.close_all()


@asynccontextmanager
async def services(
    graphs: Graphs,
    settings: Settings,
    *,
    api_url: str | None = None,
    clock: Callable[[], float] = time.time,
    resolve: Resolve | None = None,
) -> AsyncIterator[Services]:
    """Runs over the configured storage, with a worker; on leaving, runs under way get the grace period to end."""
    deployment = Deployment(__version__, version("langgraph"), api_url)
    policy = read_policy(graphs.config.path, graphs.config.webhooks, os.environ)
    # Names that creates ask for, and those of the outbox, do not wait for one another.
    addresses, called = (Addresses(policy, resolve or SystemResolver()) for _ in range(2))
    storage = await open_storage(settings, graphs.ids, clock)
    links = FeedbackLinks(settings.secret_key or storage.feedback.secret, clock, ttl=settings.feedback_ttl)
    loops = GraphLoops(settings.concurrency, isolated=settings.isolated_loops)
    savers, stores = open_savers(storage.checkpoints), open_stores(graphs.store, storage.items, loops.home)
    opener, checkpoints = OpenGraphs(graphs, savers, stores), Checkpoints(savers)
    execution = Execution(opener, checkpoints, deployment, links.of, settings.run_timeout, settings.attempts, clock)
    engine = _engine(storage, execution, loops, settings, clock)
    runs = Runs(storage, engine.worker, engine.attempts, engine.endings, thread_ttl=settings.thread_ttl)
    states = ThreadStates(storage.threads, opener, checkpoints, loops.home, deployment)
    threads = Threads(storage, runs, states, clock)
    known = KnownAssistants(graphs, storage.assistants, clock())
    running = Services(
        runs,
        Creation(storage, runs, known, addresses.locate, clock, settings.idempotency_ttl, settings.resumable_ttl),
        threads,
        states,
        FeedbackBook(storage.feedback, links, clock),
        known,
        Assistants(known, storage.assistants, clock),
        Inspection(opener, loops.home, deployment),
        Items(stores),
        storage,
        checkpoints,
        graphs,
        engine.worker,
        deployment,
        settings,
        _guard(graphs, loops),
    )
    outbox = _outbox(running, called, policy, clock)
    loops.start()
    engine.worker.start()
    threads.start()
    if settings.role != "api":
        outbox.start()
    try:
        yield running
    finally:
        await running.drain()
        await outbox.stop()
        await threads.stop()
        await opener.close()
        loops.stop()
        await storage.close()


@dataclass(frozen=True, slots=True)
class _Engine:
    """The parts that carry runs out."""

    attempts: Attempts
    endings: Endings
    worker: Worker


def _engine(
    storage: Storage, execution: Execution, loops: GraphLoops, settings: Settings, clock: Callable[[], float]
) -> _Engine:
    deployment, checkpoints, stores = execution.deployment, execution.checkpoints, execution.graphs.stores
    slots = Slots(settings.concurrency, open=settings.role != "api", clock=clock)
    retention = Retention(storage, settings.resumable_ttl, clock)
    backpressure = Backpressure(storage.events)
    endings = Endings(storage, checkpoints, loops.home, retention, owing(deployment), clock)
    attempts = Attempts(storage, execution, loops, backpressure, endings, slots)
    work: list[Work] = [
        retention.sweep_forever,
        stores.sweep_forever,
        partial(backpressure.shed_forever, slots.crowded),
        partial(loops.watch_forever, attempts.busy),
    ]
    if storage.durable:
        leases = Leases(storage, attempts, settings.lease)
        work += [leases.renew_forever, partial(leases.listen_forever, slots.wake.set)]
    if slots.open:
        work.append(Claiming(storage.runs, slots, attempts, endings, clock).claim_forever)
    return _Engine(attempts, endings, Worker(slots, attempts, work, clock))


def _guard(graphs: Graphs, loops: GraphLoops) -> Guard | None:
    if graphs.auth is None:
        return None
    return Guard(Authentication(graphs.auth, loops.home), Authorization(graphs.auth, loops.home))


def _outbox(services: Services, addresses: Addresses, policy: WebhookPolicy, clock: Callable[[], float]) -> Outbox:
    settings, storage = services.settings, services.storage
    signer = Signer(settings.webhook_secret)
    sender = Sender(addresses, signer, policy.headers, partial(_inside, services), timeout=settings.webhook_timeout)
    attempts, durable = settings.webhook_attempts, storage.durable
    return Outbox(storage.deliveries, sender, attempts=attempts, durable=durable, clock=clock)


def _inside(services: Services) -> ASGIApp:
    """The application as webhooks to paths of this server reach it."""
    return from_inside(application(services))


def application(services: Services) -> Starlette:
    """The ASGI application over running services.

    Raises ConfigError if the file with the API keys cannot be read, or the root path is none.
    """
    settings, deployment = services.settings, services.deployment
    contract, closed = Contract.load(), services.graphs.config.closed
    guard, openapi = services.guard, services.graphs.config.auth.openapi
    document = contract.published(needs_key=settings.needs_key, closed=closed, auth=openapi)
    bound = bindings(
        StatelessRunHandlers(
            services.runs, services.creation, deployment, settings.public_url, heartbeat=settings.heartbeat
        ),
        RunHandlers(services.runs, services.threads, services.feedback, deployment, heartbeat=settings.heartbeat),
        CancelHandlers(services.runs, heartbeat=settings.heartbeat),
        ThreadHandlers(services.threads, services.states, services.graphs.ids, settings.thread_ttl),
        AssistantHandlers(services.assistants, services.known_assistants, services.inspection, services.threads),
        StoreHandlers(services.items),
        FeedbackHandlers(services.feedback),
        SystemHandlers(services.runs, deployment, document),
    )
    bound = [binding for binding in bound if binding.operation.tag not in closed]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_allow_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
    )
    app = Starlette(
        routes=list(routes(bound, contract, max_body_bytes=settings.max_body_bytes, guard=guard)),
        # CORS comes first: browsers ask without a key whether they may call, and have to see why they may not.
        middleware=[_proxies(settings), cors, *_access(settings)],
        exception_handlers={HTTPException: _http_error, Exception: _server_error},
    )
    # A path with one more slash is another path: a client that follows a redirect would send body and key again.
    app.router.redirect_slashes = False
    return app


def _proxies(settings: Settings) -> Middleware:
    prefix = fixed_prefix(settings.root_path, settings.public_url)
    return Middleware(Proxies, trusted=settings.trusted_proxies, prefix=prefix)


def _access(settings: Settings) -> list[Middleware]:
    if not settings.needs_key:
        return []
    path = None if settings.api_keys_file is None else Path(settings.api_keys_file)
    return [Middleware(Access, keys=KeyRing(settings.api_keys, path), keyless=KEYLESS)]


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (404, 405) in the contract's form."""
    assert isinstance(error, HTTPException)
    note_refusal(request.scope, error.status_code, error.detail)
    return _failure(error.status_code, error.detail, error.headers)


async def _server_error(request: Request, error: Exception) -> Response:
    """The last resort; the traceback goes to the log."""
    return _failure(500, "Internal Server Error", None)


def _failure(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
    return Response(encode({"detail": detail}), status, headers, media_type="application/json")
