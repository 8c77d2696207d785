"""Links in plain text and HTML, with the text each is shown under, and the sites they lead to."""

import html
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from triage.state import Link

MAX_LABEL = 200  # no address shown is longer; a tag left open would else gather the whole page, over and over

# One pass, split at the tags: html.parser raises on some malformed markup, and takes quadratic time on other.
_TAG = re.compile(r"(<[^<>]*>)")
_HREF = re.compile(r"<a\s[^<>]*?href\s*=\s*[\"']?([^\"'\s<>]+)", re.IGNORECASE)
_BREAKS = re.compile(r"</?(?:p|div|br|li|tr|h[1-6]|table|ul|ol)\b", re.IGNORECASE)
_HIDDEN = re.compile(r"<(/?)(?:script|style|title)\b", re.IGNORECASE)

_LABELLED = re.compile(
    r"(?<!\S)(?P<label>\S{1,80}) ?<(?P<url>https?://[^<>\s]+)>"
    r"|\[(?P<text>[^][]{1,80})\]\((?P<to>https?://[^()\s]+)\)"
)
_BARE = re.compile(r"https?://[^\s<>()\[\]\"']+", re.IGNORECASE)
_TWO_PART_SUFFIX = frozenset({"co", "com", "org", "net", "ac", "gov"})


class Page(NamedTuple):
    """An HTML page as a reader sees it."""

    text: str
    links: list[Link]


def read_html(source: str) -> Page:
    """Visible text, a line per block, and the links; never raises."""
    text: list[str] = []
    links: list[Link] = []
    hidden = in_link = False
    for token in _TAG.split(source):
        if mark := _HIDDEN.match(token):
            hidden = not mark[1]
        elif href := _HREF.match(token):
            links.append({"label": "", "url": html.unescape(href[1])})
            in_link = True
        elif token.startswith("<"):
            in_link = in_link and not token.lower().startswith("</a")
            text.append("\n" if _BREAKS.match(token) else "")
        elif not hidden:
            text.append(html.unescape(re.sub(r"\s+", " ", token)))
            if in_link and len(links[-1]["label"]) < MAX_LABEL:
                links[-1]["label"] += text[-1]
    return Page("".join(text), links)


def links_in(text: str) -> list[Link]:
    """Links of a plain text: `label <url>`, `[label](url)` and bare addresses."""
    links: list[Link] = []
    for match in _LABELLED.finditer(text):
        links.append({"label": match["label"] or match["text"] or "", "url": match["url"] or match["to"] or ""})
    links += [{"label": "", "url": url} for url in _BARE.findall(_LABELLED.sub(" ", text))]
    return links


def host_of(url: str) -> str:
    """The host of an address, with or without a scheme; empty if it has none."""
    try:
        return urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:  # a bracket that opens no IPv6 address
        return ""


def site_of(host: str) -> str:
    """The part of a host name somebody registers: `mail.shop.co.uk` is `shop.co.uk`."""
    labels = host.lower().strip(".").split(".")
    long_suffix = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _TWO_PART_SUFFIX
    return ".".join(labels[-3:] if long_suffix else labels[-2:])
