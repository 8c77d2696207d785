"""The table of the whole server: each operation of the contract and its handler."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

import treadle_api.operations as op
from treadle.encryption.contexts import RequestContexts
from treadle.web.addresses import route_path
from treadle.web.assistants import MOST_ASSISTANT_BYTES, AssistantHandlers
from treadle.web.binding import Binding, Contract, Endpoint, bind
from treadle.web.cancelling import CancelHandlers
from treadle.web.feedback import MOST_FEEDBACK_BYTES, FeedbackHandlers, read_feedback
from treadle.web.joining import RunHandlers
from treadle.web.reference import DOCS, ROOT, Reference, Root
from treadle.web.rights import Guard
from treadle.web.stateless import StatelessRunHandlers
from treadle.web.store import StoreHandlers
from treadle.web.system import SystemHandlers
from treadle.web.threads import ThreadHandlers

KEYLESS = (op.health_check, op.give_feedback_by_link, op.give_feedback)
"""The operations that need no API key: a link for feedback is a credential of its own."""

META = (op.server_info, op.openapi_document)
"""The operations about the server itself that can be closed (`http.disable_meta`); `/ok` stays."""
USERLESS = (*KEYLESS, *META)
"""The operations that no user is asked for: they say nothing about what is anybody's."""


def bindings(
    stateless: StatelessRunHandlers,
    joining: RunHandlers,
    control: CancelHandlers,
    threads: ThreadHandlers,
    assistants: AssistantHandlers,
    store: StoreHandlers,
    feedback: FeedbackHandlers,
    system: SystemHandlers,
) -> list[Binding]:
    """Every operation that is served: those that the contract lacks are bound to nothing."""
    table = [
        *_about_assistants(assistants),
        *_about_threads(threads, joining, control),
        bind(op.health_check, system.health_check),
        bind(op.server_info, system.server_info),
        bind(op.openapi_document, system.openapi_document),
        bind(op.put_item, store.put_item),
        bind(op.get_item, store.get_item),
        bind(op.delete_item, store.delete_item),
        bind(op.search_items, store.search_items),
        bind(op.list_namespaces, store.list_namespaces),
        bind(op.create_run, stateless.create_run),
        bind(op.wait_run, stateless.wait_run),
        bind(op.stream_run, stateless.stream_run),
        bind(op.create_run_batch, stateless.create_run_batch),
        bind(op.cancel_runs, control.cancel_runs),
        bind(op.get_run, joining.get_run),
        bind(op.join_run, joining.join_run),
        bind(op.join_run_stream, joining.join_run_stream),
        bind(op.cancel_run, control.cancel_run),
        bind(op.delete_run, control.delete_run),
        bind(op.give_feedback_by_link, feedback.give_feedback_by_link, failure=feedback.failure),
        bind(
            op.give_feedback,
            feedback.give_feedback,
            max_body_bytes=MOST_FEEDBACK_BYTES,
            read=read_feedback,
            failure=feedback.failure,
        ),
    ]
    served = {operation.name for operation in op.ALL}
    return [binding for binding in table if binding.operation.name in served]


def _about_assistants(assistants: AssistantHandlers) -> list[Binding]:
    return [
        bind(op.create_assistant, assistants.create_assistant, max_body_bytes=MOST_ASSISTANT_BYTES),
        bind(op.search_assistants, assistants.search_assistants),
        bind(op.count_assistants, assistants.count_assistants),
        bind(op.get_assistant, assistants.get_assistant),
        bind(op.update_assistant, assistants.update_assistant, max_body_bytes=MOST_ASSISTANT_BYTES),
        bind(op.delete_assistant, assistants.delete_assistant),
        bind(op.list_assistant_versions, assistants.list_assistant_versions),
        bind(op.set_latest_assistant_version, assistants.set_latest_assistant_version),
        bind(op.get_assistant_graph, assistants.get_assistant_graph),
        bind(op.get_assistant_schemas, assistants.get_assistant_schemas),
        bind(op.list_assistant_subgraphs, assistants.list_assistant_subgraphs),
        bind(op.get_assistant_subgraph, assistants.get_assistant_subgraph),
    ]


def _about_threads(threads: ThreadHandlers, joining: RunHandlers, control: CancelHandlers) -> list[Binding]:
    return [
        bind(op.create_thread, threads.create_thread),
        bind(op.get_thread, threads.get_thread),
        bind(op.delete_thread, threads.delete_thread),
        bind(op.get_thread_state, threads.get_thread_state),
        bind(op.get_thread_state_at, threads.get_thread_state_at),
        bind(op.search_thread_state, threads.search_thread_state),
        bind(op.list_thread_history, threads.list_thread_history),
        bind(op.search_thread_history, threads.search_thread_history),
        bind(op.list_thread_runs, joining.list_thread_runs),
        bind(op.get_thread_run, joining.get_thread_run),
        bind(op.join_thread_run, joining.join_thread_run),
        bind(op.join_thread_run_stream, joining.join_thread_run_stream),
        bind(op.cancel_thread_run, control.cancel_thread_run),
        bind(op.delete_thread_run, control.delete_thread_run),
    ]


def paths(
    bound: Iterable[Binding],
    contract: Contract,
    *,
    clock: Callable[[], float],
    max_body_bytes: int,
    guard: Guard | None = None,
    contexts: RequestContexts | None = None,
) -> Iterator[Path]:
    """Every path with its operations, in the contract's order: literal segments before parameters.

    `guard` finds the users of requests, and `contexts` what they encrypt with, except for operations without users.
    """
    order = {operation.name: position for position, operation in enumerate(op.ALL)}
    in_order = sorted(bound, key=lambda binding: order[binding.operation.name])
    for path, group in groupby(in_order, key=lambda binding: binding.operation.path):
        endpoints = {
            binding.operation.method: Endpoint(
                binding,
                contract,
                clock=clock,
                max_body_bytes=max_body_bytes,
                guard=None if binding.operation in USERLESS else guard,
                contexts=None if binding.operation in USERLESS else contexts,
            )
            for binding in group
        }
        yield Path(path, endpoints)


def pages(table: Iterable[Path], closed: Collection[str]) -> list[Path]:
    """The paths of the pages, which are no operations; those of closed tags are not shown there."""
    health = next((each.endpoints["GET"] for each in table if each.path == op.health_check.path), None)
    return [Path(DOCS, {"GET": Reference(closed)}), Path(ROOT, {"GET": Root(health)})]


class Dispatch:
    """ASGI application: finds a path without parameters by one look-up, and leaves all others to Starlette."""

    def __init__(self, table: Sequence[Path], others: ASGIApp) -> None:
        self._others = others
        self._exact = {
            (method, each.path): endpoint
            for each in table
            if "{" not in each.path
            for method, endpoint in each.endpoints.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._exact.get((scope["method"], route_path(scope))) if scope["type"] == "http" else None
        if found is None:
            await self._others(scope, receive, send)
        else:
            scope["path_params"] = {}
            await found(scope, receive, send)


class Path:
    """The operations of one path, HEAD wherever there is a GET, and the 405 for any other method.

    The route itself takes every method: Starlette would try `GET /runs/wait` as `/runs/{run_id}` otherwise.
    """

    def __init__(self, path: str, endpoints: Mapping[str, ASGIApp]) -> None:
        self.path = path
        self.endpoints = {**endpoints, **({"HEAD": endpoints["GET"]} if "GET" in endpoints else {})}
        """By method."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.endpoints.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"allow": ", ".join(self.endpoints)})
        await endpoint(scope, receive, send)
