"""The reference as a page, at `/docs`, and `/`, which leads browsers there.

The page is generated, the same on every server of a version, and says nothing about what a server holds: it needs
neither a key nor a user. Its script and its style are allowed by their digests, and requests only to this server.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection
from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from treadle.web.addresses import root_path
from treadle.web.negotiation import prefers_html
from treadle.web.replies import Empty, Page

DOCS: Final = "/docs"
ROOT: Final = "/"


class Reference:
    """The page, without the operations of closed tags."""

    def __init__(self, closed: Collection[str]) -> None:
        text = files("treadle_api").joinpath("reference.html").read_text(encoding="utf-8")
        for tag in closed:
            name = re.escape(tag)
            text = re.sub(rf"<!--{name}-->.*?<!--/{name}-->", "", text, flags=re.DOTALL)
        policy = {
            "default-src": "'none'",
            "script-src": _digest(text, "script"),
            "style-src": _digest(text, "style"),
            "connect-src": "'self'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        headers = {
            "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "cache-control": "no-cache",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        self._page = Page(text.encode(), headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await self._page.head(send)
        else:
            await self._page(scope, receive, send)


class Root:
    """Browsers are led to the page. Other clients get what `/ok` answers (recorded), as health checks expect."""

    def __init__(self, health: ASGIApp | None) -> None:
        """`health` answers `/ok`; None for an edition of the contract without it."""
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if prefers_html(scope):
            location = f"{root_path(scope)}{DOCS}"
            await Empty(303, headers={"location": location, "vary": "Accept"}).head(send)
        elif self._health is None:
            raise HTTPException(404)
        else:
            await self._health(scope, receive, send)


def _digest(text: str, element: str) -> str:
    """The source expression that allows the one element of its kind."""
    [content] = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
