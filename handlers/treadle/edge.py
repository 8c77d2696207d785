"""The ASGI application over the parts of a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from treadle.encoding import encode
from treadle.graphs.http_config import HttpConfig
from treadle.keys import KeyRing
from treadle.running import Services
from treadle.settings import Settings
from treadle.web.access import Access
from treadle.web.addresses import route_path
from treadle.web.assistants import AssistantHandlers
from treadle.web.binding import Binding, Contract
from treadle.web.cancelling import CancelHandlers
from treadle.web.custom_app import CustomApp, WithCustomApp
from treadle.web.feedback import FeedbackHandlers
from treadle.web.joining import RunHandlers
from treadle.web.logged_headers import LoggedHeaders
from treadle.web.proxies import Proxies, fixed_prefix
from treadle.web.publishing import published
from treadle.web.reference import DOCS, ROOT
from treadle.web.refusals import note_refusal
from treadle.web.routes import KEYLESS, META, Dispatch, bindings, pages, paths
from treadle.web.stateless import StatelessRunHandlers
from treadle.web.store import StoreHandlers
from treadle.web.system import SystemHandlers
from treadle.web.threads import ThreadHandlers
from treadle.web.unserved import unserved
from treadle_api.operations import Operation

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


def application(services: Services) -> ASGIApp:
    """The ASGI application over running services.

    Raises ConfigError if the file with the API keys cannot be read, or the root path is none.
    """
    settings, config = services.settings, services.graphs.config
    contract = Contract.load()
    is_closed = _closed(config.http)
    document = published(
        contract.document,
        graphs=services.graphs.ids,
        needs_key=settings.needs_key,
        is_closed=is_closed,
        auth=config.auth.openapi,
    )
    bound = [binding for binding in _bindings(services, document) if not is_closed(binding.operation)]
    table = list(
        paths(
            bound,
            contract,
            clock=services.storage.clock,
            max_body_bytes=settings.max_body_bytes,
            guard=services.guard,
            contexts=services.contexts,
        )
    )
    if config.http.meta:
        table += pages(table, config.http.closed)
    others = Starlette(
        routes=[Route(each.path, each) for each in table],
        exception_handlers={HTTPException: _http_error, Exception: _server_error},
    )
    # A path with one more slash is another path: a client that follows a redirect would send body and key again.
    others.router.redirect_slashes = False
    app: ASGIApp = Dispatch(table, others)
    for cls, arguments, options in reversed(list(_middleware(services, config.http))):
        app = cls(app, *arguments, **options)
    return app


def _bindings(services: Services, document: dict[str, object]) -> list[Binding]:
    settings, deployment, http = services.settings, services.deployment, services.graphs.config.http
    heartbeat, public_url = settings.heartbeat, settings.public_url
    return bindings(
        StatelessRunHandlers(
            services.runs, services.creation, deployment, http, public_url=public_url, heartbeat=heartbeat
        ),
        RunHandlers(services.runs, services.threads, services.feedback, deployment, heartbeat=heartbeat),
        CancelHandlers(services.runs, heartbeat=heartbeat),
        ThreadHandlers(services.threads, services.states, services.graphs.ids, services.runs.thread_ttl),
        AssistantHandlers(services.assistants, services.known_assistants, services.inspection, services.threads),
        StoreHandlers(services.items),
        FeedbackHandlers(services.feedback),
        SystemHandlers(services.runs, deployment, document),
    )


def _closed(http: HttpConfig) -> Callable[[Operation[Any, Any, Any]], bool]:
    """Which operations the configuration does not let be served."""
    return lambda operation: operation.tag in http.closed or (operation in META and not http.meta)


def _middleware(services: Services, http: HttpConfig) -> Iterator[Middleware]:
    """What requests pass, from the outside to the inside."""
    settings = services.settings
    prefix = fixed_prefix(settings.root_path, settings.public_url, http.mount_prefix)
    yield Middleware(Proxies, trusted=settings.trusted_proxies, prefix=prefix)
    if http.logged.includes:
        yield Middleware(LoggedHeaders, patterns=http.logged)
    # CORS comes before keys: browsers ask without one whether they may call, and have to see why they may not.
    yield Middleware(CORSMiddleware, **_cors(settings, http))
    custom = services.custom
    if settings.needs_key:
        path = None if settings.api_keys_file is None else Path(settings.api_keys_file)
        is_open = partial(_needs_no_key, custom=custom, http=http)
        yield Middleware(Access, keys=KeyRing(settings.api_keys, path), keyless=KEYLESS, is_open=is_open)
    if custom is not None:
        yield Middleware(ServerErrorMiddleware, handler=_server_error)
        yield Middleware(
            WithCustomApp,
            custom=custom,
            guard=services.guard,
            custom_auth=bool(http.custom_auth),
            auth_first=http.auth_first,
            limit=settings.max_body_bytes,
        )


def _needs_no_key(scope: Scope, custom: CustomApp | None, http: HttpConfig) -> bool:
    """Whether a request is for a page of the server, or for a route of the author's if those need no key."""
    if custom is not None and custom.takes(scope):
        return http.custom_auth is False
    return scope["method"] in ("GET", "HEAD") and route_path(scope) in (DOCS, ROOT)


def _cors(settings: Settings, http: HttpConfig) -> dict[str, Any]:
    """The parameters of the CORS middleware: the environment's origins come before those of the file."""
    every = {"allow_origins": ("*",), "allow_methods": ["*"], "allow_headers": ["*"]}
    given = every if http.cors is None else dict(http.cors)
    if settings.cors_allow_origins is not None:
        given["allow_origins"] = settings.cors_allow_origins
    given["expose_headers"] = list(dict.fromkeys([*EXPOSED_HEADERS, *given.get("expose_headers", ())]))
    return given


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (404, 405) in the contract's form."""
    assert isinstance(error, HTTPException)
    detail = unserved(request.scope) or error.detail
    note_refusal(request.scope, error.status_code, detail)
    return _failure(error.status_code, detail, error.headers)


async def _server_error(request: Request, error: Exception) -> Response:
    """The last resort; the traceback goes to the log."""
    return _failure(500, "Internal Server Error", None)


def _failure(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
    return Response(encode({"detail": detail}), status, headers, media_type="application/json")
