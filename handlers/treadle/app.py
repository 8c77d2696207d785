"""The composition root: builds every part from the settings, and passes each part the others that it needs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from starlette.types import ASGIApp

from treadle import __version__
from treadle.assistants.assistants import Assistants
from treadle.assistants.inspection import Inspection
from treadle.auth.authentication import Authentication
from treadle.auth.authorization import Authorization
from treadle.edge import application
from treadle.encryption.contexts import RequestContexts
from treadle.encryption.handlers import Handlers
from treadle.encryption.items import encrypted
from treadle.encryption.savers import EncryptedSavers
from treadle.encryption.sealing import Sealing
from treadle.encryption.storage import open_encrypted
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
from treadle.graphs.checkpointers import Savers, open_savers
from treadle.graphs.checkpoints import Checkpoints, OpenGraphs
from treadle.graphs.custom_savers import CustomSavers
from treadle.graphs.event_loops import GraphLoops
from treadle.graphs.loading import Graphs
from treadle.graphs.stores import Stores, open_stores
from treadle.items.items import Items
from treadle.outbox.addresses import Addresses
from treadle.outbox.dispatch import Outbox
from treadle.outbox.policy import WebhookPolicy, read_policy
from treadle.outbox.resolving import Resolve, SystemResolver
from treadle.outbox.sending import Sender
from treadle.outbox.signing import Signer
from treadle.running import Services
from treadle.runs.creation import Creation
from treadle.runs.lifecycle import Runs
from treadle.runs.webhooks import owing
from treadle.settings import Settings
from treadle.storage import open_storage
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadTtl
from treadle.threads.lifecycle import Threads
from treadle.threads.states import ThreadStates
from treadle.web.access import from_inside
from treadle.web.custom_app import CustomApp
from treadle.web.loopback import Loopback
from treadle.web.rights import Guard


@asynccontextmanager
async def services(
    graphs: Graphs,
    settings: Settings,
    *,
    api_url: str | None = None,
    clock: Callable[[], float] | None = None,
    resolve: Resolve | None = None,
) -> AsyncIterator[Services]:
    """Runs over the configured storage, with a worker; on leaving, runs under way get the grace period to end.

    `clock` is the time, instead of the storage's own.
    """
    deployment = Deployment(__version__, version("langgraph"), api_url)
    policy = read_policy(graphs.config.path, graphs.config.webhooks, os.environ)
    # Names that creates ask for, and those of the outbox, do not wait for one another.
    addresses, called = (Addresses(policy, resolve or SystemResolver()) for _ in range(2))
    loops = GraphLoops(settings.concurrency, isolated=settings.isolated_loops)
    sealing = None if graphs.encryption is None else Sealing(Handlers(graphs.encryption, loops.home))
    storage = await _storage(settings, graphs, clock, sealing)
    clock = storage.clock
    links = FeedbackLinks(settings.secret_key or storage.feedback.secret, clock, ttl=settings.feedback_ttl)
    savers, stores = _kept(graphs, storage, loops, sealing)
    opener, checkpoints = OpenGraphs(graphs, savers, stores), Checkpoints(savers)
    limits = settings.run_timeout, settings.attempts
    execution = Execution(opener, checkpoints, deployment, links.of, *limits, clock, not storage.durable)
    engine = _engine(storage, execution, loops, settings, clock)
    ttl = ThreadTtl(settings.thread_ttl, settings.thread_ttl_strategy)
    runs = Runs(storage, engine.worker, engine.attempts, engine.endings, thread_ttl=ttl, lease=settings.lease)
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
        None if sealing is None else RequestContexts(sealing.handlers),
        _custom_app(graphs, loops),
    )
    async with _started(running, loops, opener, _outbox(running, called, policy, clock)):
        authorization = None if running.guard is None else running.guard.authorization
        Loopback(partial(application, running), authorization).connect()
        yield running


@asynccontextmanager
async def _started(running: Services, loops: GraphLoops, opener: OpenGraphs, outbox: Outbox) -> AsyncIterator[None]:
    """Start the parts, each after those that it needs, and end them in the opposite order."""
    async with AsyncExitStack() as ending:
        ending.push_async_callback(running.storage.close)
        loops.start()
        ending.callback(loops.stop)
        ending.push_async_callback(opener.close)
        await opener.start()
        if running.custom is not None:
            ending.push_async_callback(running.custom.close)
            await running.custom.start()
        running.worker.start()
        running.runs.start()
        ending.push_async_callback(running.runs.stop)
        running.threads.start()
        ending.push_async_callback(running.threads.stop)
        if running.settings.role != "api":
            outbox.start()
        ending.push_async_callback(outbox.stop)
        ending.push_async_callback(running.drain)
        yield


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
    return _Engine(attempts, endings, Worker(slots, attempts, work, clock, storage.events.until_unfollowed))


def _guard(graphs: Graphs, loops: GraphLoops) -> Guard | None:
    if graphs.auth is None:
        return None
    return Guard(Authentication(graphs.auth, loops.home), Authorization(graphs.auth, loops.home))


def _custom_app(graphs: Graphs, loops: GraphLoops) -> CustomApp | None:
    http = graphs.config.http
    return None if graphs.app is None else CustomApp(graphs.app, f"{http.where}.app ({http.app})", loops.home)


async def _storage(
    settings: Settings, graphs: Graphs, clock: Callable[[], float] | None, sealing: Sealing | None
) -> Storage:
    if sealing is None:
        return await open_storage(settings, graphs.ids, clock)
    return await open_encrypted(settings, graphs.ids, clock, sealing)


def _kept(graphs: Graphs, storage: Storage, loops: GraphLoops, sealing: Sealing | None) -> tuple[Savers, Stores]:
    """Checkpointers and stores: those of the author's keep what they keep as they like."""
    config, stores = graphs.config.checkpointer, open_stores(graphs.store, storage.items, loops.home)
    if sealing is not None:
        stores = encrypted(stores, sealing)
    if graphs.saver is not None:
        where = f"{config.where}.path ({config.path})"
        return CustomSavers(graphs.saver, where, config.serde, loops.home), stores
    savers = open_savers(storage.checkpoints, config.serde, loops.home)
    if sealing is not None and storage.checkpoints is not None:
        savers = EncryptedSavers(savers, sealing)
    return savers, stores


def _outbox(services: Services, addresses: Addresses, policy: WebhookPolicy, clock: Callable[[], float]) -> Outbox:
    settings, storage = services.settings, services.storage
    signer = Signer(settings.webhook_secret)
    sender = Sender(addresses, signer, policy.headers, partial(_inside, services), timeout=settings.webhook_timeout)
    attempts, durable = settings.webhook_attempts, storage.durable
    return Outbox(storage.deliveries, sender, attempts=attempts, durable=durable, clock=clock)


def _inside(services: Services) -> ASGIApp:
    """The application as webhooks to paths of this server reach it."""
    return from_inside(application(services))
