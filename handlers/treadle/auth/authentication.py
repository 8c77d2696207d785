"""Authentication: the author's handler says whose request it is, or refuses it."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

import structlog
from langgraph_sdk import Auth

from treadle.auth.verdicts import contained, refusal_of
from treadle.errors import HandlerFailed, Refused
from treadle.graphs.event_loops import NODE_THREADS, GraphLoop
from treadle.users import PUBLIC, User

NOT_AUTHENTICATED = "The request is not authenticated"
# Requests whose handlers, if these are plain functions, may be at work at the same time.
MOST_AT_ONCE = 32
log = structlog.get_logger("treadle.auth")


class Authentication:
    """Calls the author's handler on the graphs' home loop. A handler that waits delays only its own request."""

    def __init__(self, auth: Auth, loop: GraphLoop) -> None:
        handler = auth._authenticate_handler
        assert handler is not None
        self._handler: Callable[..., Any] = handler
        self._loop = loop
        self._wanted = frozenset(inspect.signature(handler).parameters)
        # Not the nodes' threads: with all of them at work, no request would be answered.
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix=f"{NODE_THREADS}-auth")
        self.reads_body = bool(self._wanted & {"body", "request"})
        """Whether the handler looks into the body."""

    async def user(self, offered: Mapping[str, Callable[[], Any]]) -> User:
        """Return the user of a request. `offered` gives the value of each parameter in OFFERED.

        Raises Refused with the status that the handler chose, and 401 if it finds nobody.
        """
        arguments = {name: offered[name]() for name in self._wanted if name in offered}
        try:
            found = await self._loop.call(lambda: contained(self._called(arguments)))
            user = None if found is None else read_user(found)
        except HandlerFailed:
            raise
        except Exception as error:  # the author's code
            raise refusal_of(error, assertion=401) from error
        if user is None:
            log.warning("the authenticate handler returned no user", returned=type(found).__name__)
            raise Refused(401, NOT_AUTHENTICATED)
        return user

    async def _called(self, arguments: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self._handler):
            return await self._handler(**arguments)
        work = partial(copy_context().run, self._handler, **arguments)
        result = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        return await result if inspect.isawaitable(result) else result


def read_user(found: Any) -> User | None:
    """The user in what a handler returned: a text, a mapping or an object with an identity. None for anything else."""
    if isinstance(found, User):
        return found
    fields = _fields(found)
    identity = fields.get("identity")
    if not isinstance(identity, str) or not identity or "\0" in identity:
        return None
    permissions = fields.get("permissions") or ()
    return User({**fields, "permissions": [permissions] if isinstance(permissions, str) else list(permissions)}, found)


def _fields(found: Any) -> dict[str, Any]:
    if isinstance(found, str):
        return {"identity": found}
    if isinstance(found, Mapping):
        return dict(found)
    fields: dict[str, Any] = {}
    if hasattr(found, "model_dump"):
        fields = dict(found.model_dump())
    elif dataclasses.is_dataclass(found) and not isinstance(found, type):
        fields = dataclasses.asdict(found)
    for name in PUBLIC:
        try:
            fields[name] = getattr(found, name)
        except (AttributeError, NotImplementedError):  # Starlette's users have an identity that is not implemented
            continue
    return fields
