"""Links for feedback as people see them: a page that asks, one that thanks, and one that says why not.

They work without scripts and load nothing. The templates are in `pages/`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

from treadle.feedback.book import Recorded
from treadle.web.replies import Page

HEADERS: Final = {
    # What a link answers with depends on the client, and a link that records must reach the server each time.
    "vary": "Accept",
    "cache-control": "no-store",
    # The URL is a credential.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Of every answer to a link for feedback, be it a page or JSON."""
_INVALID = "Nothing was recorded. Please choose yes or no, or write a comment of at most 4,000 characters."
_PROBLEMS: Final = {
    400: _INVALID,
    403: "This link is not complete, or it has expired.",
    404: "The answer that this link is about is no longer kept.",
    409: "This link has been used as often as it may. Nothing more can be recorded by it.",
    413: "This is too long. Please write a comment of at most 4,000 characters.",
    422: _INVALID,
    503: "This cannot be done at the moment. Please reload this page in a minute.",
}
_UNEXPECTED = "Something went wrong. Please try again later."


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class FeedbackPages:
    """The pages, made from their templates."""

    def __init__(self) -> None:
        self._templates = {
            each.name.removesuffix(".html"): Template(each.read_text(encoding="utf-8"))
            for each in files("treadle.web").joinpath("pages").iterdir()
            if each.name.endswith(".html")
        }
        style = files("treadle.web").joinpath("pages", "style.css").read_bytes()
        self._style = Markup(style.decode())
        digest = b64encode(sha256(style).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )

    def question(self, key: str) -> Page:
        """The page that asks for feedback under a key."""
        return self._page("Your feedback", self._question(key, Markup()))

    def thanks(self, recorded: Recorded, location: str | None = None) -> Page:
        """The page that shows the recorded entry and asks for a missing comment; with `location`, a 303 to it."""
        said = Markup("".join(self._fill("said", name=name, text=text) for name, text in _said(recorded)))
        more = Markup() if recorded.entry["comment"] else self._fill("comment")
        content = self._fill("thanks", said=said, more=more)
        if location is None:
            return self._page("Thank you", content)
        return self._page("Thank you", content, 303, {"location": location})

    def problem(self, status: int, headers: Mapping[str, str], key: str | None = None) -> Page:
        """The page that says why not; for what can be corrected, given the key, it asks again."""
        problem = self._fill("problem", sentence=_PROBLEMS.get(status, _UNEXPECTED))
        if key is None:
            return self._page("This did not work", problem, status, headers)
        return self._page("Your feedback", self._question(key, problem), status, headers)

    def _question(self, key: str, problem: Markup) -> Markup:
        return self._fill("question", key=_named(key), problem=problem)

    def _page(self, title: str, content: Markup, status: int = 200, headers: Mapping[str, str] | None = None) -> Page:
        body = self._fill("page", title=title, style=self._style, content=content).encode()
        return Page(
            body, status=status, headers={**HEADERS, "content-security-policy": self._policy, **(headers or {})}
        )

    def _fill(self, template: str, **values: str) -> Markup:
        """The template with the values in it, each escaped that is not HTML."""
        escaped = {name: text if isinstance(text, Markup) else escape(text) for name, text in values.items()}
        return Markup(self._templates[template].substitute(escaped))


def _named(key: str) -> str:
    """The author's text for the key, or ours where it has nothing to show."""
    return key if key.strip() else "Was this helpful?"


def _said(recorded: Recorded) -> Iterator[tuple[str, str]]:
    """(name, text) of each thing that was said."""
    said = recorded.entry
    if answers := [_spelt(said[name]) for name in ("score", "value") if said[name] is not None]:
        yield _named(recorded.key), ", ".join(answers)
    if said["comment"]:
        yield "Comment", said["comment"]


def _spelt(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return f"{value:g}" if isinstance(value, float) else str(value)
