"""Authorization: the author's handlers say what a user may do, and which records it may see."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from langgraph_sdk import Auth

from treadle.auth.filters import Admits, admitting, everything
from treadle.auth.verdicts import contained, refusal_of
from treadle.errors import Forbidden, HandlerFailed
from treadle.graphs.event_loops import GraphLoop
from treadle.users import User

Resource: TypeAlias = Literal["threads", "assistants", "store"]
Action: TypeAlias = Literal[
    "create", "read", "update", "delete", "search", "create_run", "put", "get", "list_namespaces"
]
Json = dict[str, Any]


class Authorization:
    """The author's `on` handlers, called on the graphs' home loop."""

    def __init__(self, auth: Auth, loop: GraphLoop) -> None:
        self._auth = auth
        self._loop = loop

    async def ask(self, user: User, resource: Resource, action: Action, value: Json) -> Admits:
        """Ask the most specific handler. It may change `value`; the operation then uses the changed value.

        Raises Forbidden (403) if it returns False, Refused with the status that it chose, HandlerFailed (500).
        """
        handler = self._handler(resource, action)
        if handler is None:
            return everything
        context = Auth.types.AuthContext(user=user, permissions=user.permissions, resource=resource, action=action)
        try:
            answer = await self._loop.call(lambda: contained(handler(ctx=context, value=value)))
        except HandlerFailed:
            raise
        except Exception as error:  # the author's code
            raise refusal_of(error, assertion=403) from error
        if answer is None or answer is True:
            return everything
        if answer is False:
            raise Forbidden
        try:
            return _for_items(answer) if resource == "store" else admitting(answer)
        except ValueError as error:
            raise HandlerFailed from error

    def _handler(self, resource: Resource, action: Action) -> Any:
        """The most specific handler, as the SDK describes it."""
        for key in ((resource, action), (resource, "*"), ("*", action), ("*", "*")):
            if handlers := self._auth._handlers.get(key):
                return handlers[-1]
        return self._auth._global_handlers[-1] if self._auth._global_handlers else None


def _for_items(answer: Any) -> Admits:
    raise ValueError(f"a handler of the store returned {answer!r}; items have no metadata: change value['namespace']")
