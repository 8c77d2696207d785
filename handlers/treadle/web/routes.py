"""The table of the whole server: each operation of the contract and what answers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

import treadle_api.operations as op
from treadle.web.binding import Binding, Contract, Endpoint, bind
from treadle.web.joining import RunAccess
from treadle.web.stateless import StatelessRuns
from treadle.web.system import System


def bindings(stateless: StatelessRuns, joining: RunAccess, system: System) -> list[Binding]:
    """Every operation that is served, in routing order: literal path segments before parameters."""
    return [
        bind(op.health_check, system.health_check),
        bind(op.server_info, system.server_info),
        bind(op.openapi_document, system.openapi_document),
        bind(op.create_run, stateless.create_run),
        bind(op.wait_run, stateless.wait_run),
        bind(op.stream_run, stateless.stream_run),
        bind(op.get_run, joining.get_run),
        bind(op.join_run, joining.join_run),
        bind(op.join_run_stream, joining.join_run_stream),
        bind(op.get_thread_run, joining.get_thread_run),
        bind(op.join_thread_run, joining.join_thread_run),
        bind(op.join_thread_run_stream, joining.join_thread_run_stream),
    ]


def routes(bound: Iterable[Binding], contract: Contract, *, max_body_bytes: int) -> Iterator[Route]:
    """One Starlette route per path, so that a 405 names every method of the path."""
    order = {operation.name: position for position, operation in enumerate(op.ALL)}
    in_order = sorted(bound, key=lambda binding: order[binding.operation.name])
    for path, group in groupby(in_order, key=lambda binding: binding.operation.path):
        endpoints = {
            binding.operation.method: Endpoint(binding, contract, max_body_bytes=max_body_bytes) for binding in group
        }
        route = Route(path, _Methods(endpoints), methods=list(endpoints))
        route.methods = set(endpoints)  # without the HEAD that Starlette adds: the contract has none (405, recorded)
        yield route


class _Methods:
    """The operations of one path. Starlette takes an object, unlike a function, for the ASGI application it is."""

    def __init__(self, endpoints: dict[str, Endpoint]) -> None:
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoints[scope["method"]](scope, receive, send)
