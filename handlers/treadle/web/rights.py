"""What the user of a request may do: every handler asks before it shows or changes anything.

Without `auth` in the configuration there are no users, and everything is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from treadle.auth.authentication import Authentication
from treadle.auth.authorization import Action, Authorization, Resource
from treadle.auth.filters import Admits, everything
from treadle.encoding import decode
from treadle.encryption.current import note_filter
from treadle.errors import AssistantNotFound, InvalidRequest, RunNotFound, ThreadNotFound, TreadleError
from treadle.graphs.assistants import no_assistant
from treadle.runs.authorizing import run_value, with_value
from treadle.runs.lifecycle import no_run
from treadle.storage.contract.assistants import AssistantRecord
from treadle.storage.contract.runs import RunRecord
from treadle.storage.contract.threads import ThreadRecord
from treadle.threads.lifecycle import no_thread
from treadle.users import User
from treadle.web.addresses import route_path

Json = dict[str, Any]
RIGHTS: Final = "rights"
"""Where the state of a request has its rights, if its user was asked for before."""
WRITING: Final = frozenset({"create", "create_run", "update"})
"""Actions that write metadata, by which filters tell whose a thing is."""
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of one request. Methods raise the errors of `Authorization.ask`."""

    user: User | None = None
    authorization: Authorization | None = None

    async def ask(self, resource: Resource, action: Action, value: Json) -> Admits:
        """Ask whether the user may do this, and what it may see. A handler of the author's may change `value`."""
        if self.authorization is None or self.user is None:
            return everything
        admits = await self.authorization.ask(self.user, resource, action, value)
        if action in WRITING:
            note_filter(resource, admits)
        return admits

    async def check_run(self, action: Action, run: RunRecord, more: Mapping[str, Any] = NOTHING) -> None:
        """Raises RunNotFound (404), as for a run that is unknown, if the user may not see it."""
        if self.authorization is None:
            return
        value = {"thread_id": UUID(run.thread_id), "run_id": UUID(run.run_id), **more}
        if not (await self.ask("threads", action, value))(run.metadata):
            raise RunNotFound(no_run(run.run_id))

    async def check_thread(self, action: Action, thread: ThreadRecord, more: Mapping[str, Any] = NOTHING) -> Admits:
        """Raises ThreadNotFound (404), as for a thread that is unknown, if the user may not see it."""
        admits = await self.ask("threads", action, {"thread_id": UUID(thread.thread_id), **more})
        if not admits(thread.metadata):
            raise ThreadNotFound(no_thread(thread.thread_id))
        return admits

    async def check_assistant(
        self, action: Action, assistant: AssistantRecord, more: Mapping[str, Any] = NOTHING
    ) -> None:
        """Raises AssistantNotFound (404), as for an assistant that is unknown, if the user may not see it."""
        value = {"assistant_id": UUID(assistant.assistant_id), "metadata": {}, **more}
        admits = await self.ask("assistants", action, value)
        if not admits(assistant.metadata):
            raise AssistantNotFound(no_assistant(assistant.assistant_id))

    async def created_run(self, run: RunRecord, assistant: AssistantRecord) -> RunRecord:
        """The run as the author's handlers let the user create it.

        Raises AssistantNotFound (404) if the user may not see the assistant. That of a graph belongs to everybody.
        """
        if self.authorization is None:
            return run
        if not assistant.is_default:
            await self.check_assistant("read", assistant)
        value = run_value(run)
        await self.ask("threads", "create_run", value)
        return with_value(run, value)


OPEN: Final = Rights()
"""The rights of requests without a user."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Finds the user of each request, by the author's handlers."""

    authentication: Authentication
    authorization: Authorization

    async def rights(self, scope: Scope, body: bytes | None) -> Rights:
        """The rights of the request's user. `body` is there if the handlers look into it.

        Raises Refused with the status that the handler chose.
        """
        known = scope.get("state", {}).get(RIGHTS)
        if isinstance(known, Rights):
            return known
        request = Request(scope, replayed(body or b""))
        user = await self.authentication.user(
            {
                "request": lambda: request,
                "body": lambda: _document(body),
                "path": lambda: route_path(scope),
                "method": lambda: scope["method"],
                "path_params": lambda: dict(scope.get("path_params") or {}),
                "query_params": lambda: dict(request.query_params),
                "headers": lambda: dict(scope["headers"]),
                "authorization": lambda: request.headers.get("authorization"),
            }
        )
        return Rights(user, self.authorization)


def replayed(body: bytes, then: Receive | None = None) -> Receive:
    """Receives a body that was read before, and then what `then` receives; without it, the end of the request."""
    left = [body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return {"type": "http.disconnect"} if then is None else await then()

    return receive


def _document(body: bytes | None) -> Any:
    """The JSON in a body; None for anything else, which is refused later."""
    try:
        return decode(body) if body else None
    except TreadleError:
        return None


def caller_name(key: str, user: User | None) -> str:
    """Whose an `Idempotency-Key` is: each user has keys of its own. The names of API keys have no slash."""
    return key if user is None else f"{key}/{user.identity}"


def changed(value: Mapping[str, Any], name: str, kind: type) -> Any:
    """A field of a value that the author's handlers may have changed. Raises InvalidRequest (422) for another type."""
    found = value.get(name)
    if found is not None and not isinstance(found, kind):
        raise InvalidRequest(f"{name}: a handler of auth made it a {type(found).__name__}")
    return found
