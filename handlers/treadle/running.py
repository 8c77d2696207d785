"""The parts of a running server, as the composition root has built them."""

from __future__ import annotations

from dataclasses import dataclass

from treadle.assistants.assistants import Assistants
from treadle.assistants.inspection import Inspection
from treadle.encryption.contexts import RequestContexts
from treadle.execution.config import Deployment
from treadle.execution.worker import Worker
from treadle.feedback.book import FeedbackBook
from treadle.graphs.assistants import KnownAssistants
from treadle.graphs.checkpoints import Checkpoints
from treadle.graphs.loading import Graphs
from treadle.items.items import Items
from treadle.runs.creation import Creation
from treadle.runs.lifecycle import Runs
from treadle.settings import Settings
from treadle.storage.contract.store import Storage
from treadle.threads.lifecycle import Threads
from treadle.threads.states import ThreadStates
from treadle.web.custom_app import CustomApp
from treadle.web.rights import Guard


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
    contexts: RequestContexts | None
    """Finds what requests encrypt with, if the configuration encrypts."""
    custom: CustomApp | None
    """The author's own application, if the configuration has one."""

    async def drain(self) -> None:
        """Take no new runs, and let those under way end within the grace period."""
        self.runs.close()
        await self.worker.stop(self.settings.shutdown_grace)
        self.storage.events.close_all()
