"""Pages as people and browsers read them: the texts, and the forms with their fields."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx

from tests.web.calls import Json

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
"""The Accept header of a browser that follows a link."""
FORM = {"content-type": "application/x-www-form-urlencoded"}
VOID = {"meta", "input", "link", "img", "br", "wbr"}


class HtmlPage(HTMLParser):
    """A page that was parsed strictly: each tag that is opened is closed."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        assert response.headers["content-type"] == "text/html; charset=utf-8", response.text
        self.status = response.status_code
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        """Tag -> the texts of its elements, with the texts of the elements inside them."""
        self._open: list[str] = []
        self.feed(response.content.decode())
        self.close()
        assert self._open == [], "some tags are not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def all(self, *names: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of some kinds."""
        return [attributes for tag, attributes in self.tags if tag in names]

    def text(self, tag: str) -> str:
        """The text of the one element of a kind."""
        [found] = self.texts[tag]
        return found.strip()

    @property
    def said(self) -> dict[str, str]:
        """The feedback that the page shows as recorded: name -> text."""
        return dict(zip(self.texts.get("dt", ()), self.texts.get("dd", ()), strict=True))

    @property
    def fields(self) -> dict[str, list[str | None]]:
        """The names of the fields of its form, with the values that can be chosen; empty without a form."""
        found: dict[str, list[str | None]] = {}
        for each in self.all("input", "textarea"):
            found.setdefault(str(each["name"]), []).extend([each["value"]] if "value" in each else [])
        return found


class Browser:
    """A browser as far as links and forms go: it follows redirects, and resolves relative URLs."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.url = ""

    def open(self, url: str) -> HtmlPage:
        """The page at a URL."""
        return self._read(self._http.get(url, headers={"accept": BROWSER}, follow_redirects=True))

    def reload(self) -> HtmlPage:
        """The page once more."""
        return self.open(self.url)

    def submit(self, **fields: str) -> HtmlPage:
        """Submit the form, which has to have these fields; its other fields stay empty. Returns the next page."""
        page = self.reload()
        [form] = page.all("form")
        assert form == {"method": "post"}, "a form without an action is posted to the URL of its page"
        for name, text in fields.items():
            assert text in page.fields[name] if page.fields[name] else name in page.fields
        empty = {name: "" for name, values in page.fields.items() if not values}
        data: Json = {**empty, **{name: text.replace("\n", "\r\n") for name, text in fields.items()}}
        return self._read(self._http.post(self.url, data=data, headers={"accept": BROWSER}, follow_redirects=True))

    def _read(self, response: httpx.Response) -> HtmlPage:
        self.url = str(response.url)
        return HtmlPage(response)


def page(http: httpx.Client, method: str, url: str, **request: Any) -> HtmlPage:
    """The page that a browser gets for one request."""
    return HtmlPage(http.request(method, url, headers={"accept": BROWSER}, **request))
