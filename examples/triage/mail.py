"""E-mail text in, a `Mail` out. Whatever the text is, reading it does not fail."""

import email
import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime

from triage.links import links_in, read_html
from triage.state import Link, Mail

MAX_CHARS = 100_000

_WRAPPED = re.compile(r"<email>(.*?)(?:</email>|\Z)", re.IGNORECASE | re.DOTALL)
_BODY_LINE = re.compile(r"\A((?:[A-Za-z-]+:.*\n)*?)Body:[ \t]*", re.IGNORECASE)
_MAIL_HEADERS = frozenset({"from", "to", "subject", "date", "message-id", "received", "content-type"})
_QUOTE_STARTS = re.compile(r"^(?:On .{1,200} wrote:|-{2,} ?(?:Original|Forwarded) [Mm]essage ?-{2,}|-- ?)$")


def read_mail(raw: object) -> Mail:
    """Headers, own words and links of a mail given as text; a text without headers is all body."""
    text = _unwrapped(_clean(raw[:MAX_CHARS])) if isinstance(raw, str) else ""
    try:
        message = email.message_from_string(text)
        headers = _headers_of(message)
        body, links = _body_of(message)
    except RecursionError:  # hundreds of multiparts in each other; no mail program writes that
        headers, body, links = {}, text, links_in(text)
    if not _MAIL_HEADERS & headers.keys():
        headers, body, links = {}, text, links_in(text)
    name, address = _sender_of(headers)
    return {
        "sender": address.lower(),
        "sender_name": name,
        "subject": headers.get("subject", ""),
        "sent": _sent(headers.get("date")).isoformat(),
        "body": _own_words(body),
        "links": links,
        "headers": headers,
    }


def domain_of(address: str) -> str:
    """What follows the `@`, or nothing."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def _clean(text: str) -> str:
    """Fit for any encoder: no NUL, no half of a surrogate pair, one kind of line end."""
    whole = text.replace("\0", "").encode("utf-8", "replace").decode()
    return re.sub(r"\r\n?", "\n", whole)


def _unwrapped(text: str) -> str:
    """What is inside `<email>`, if there is such a tag, with a blank line where its body begins."""
    wrapped = _WRAPPED.search(text)
    return _BODY_LINE.sub(r"\1\n", (wrapped[1] if wrapped else text).lstrip())


def _headers_of(message: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in message.items():
        headers.setdefault(name.lower(), " ".join(_decoded(str(value)).split()))
    return headers


def _decoded(value: str) -> str:
    try:
        return _clean(str(make_header(decode_header(value))))
    except (MessageError, LookupError, ValueError):  # an encoded word that is broken: shown as it came
        return value


def _sender_of(headers: dict[str, str]) -> tuple[str, str]:
    try:
        return parseaddr(headers.get("from", ""))
    except RecursionError:  # the parser enters itself at every bracket
        return "", ""


def _body_of(message: Message) -> tuple[str, list[Link]]:
    """The first plain text part, or else the first HTML part as text; links come from both."""
    parts = [part for part in message.walk() if not part.is_multipart()]
    plain = [_text_of(part) for part in parts if part.get_content_type() == "text/plain"]
    pages = [read_html(_text_of(part)) for part in parts if part.get_content_type() == "text/html"]
    links = [link for text in plain for link in links_in(text)] + [link for page in pages for link in page.links]
    texts = plain or [page.text for page in pages]
    return texts[0] if texts else "", links


def _text_of(part: Message) -> str:
    encoded = str(part.get("content-transfer-encoding", "")).strip().lower() in {"base64", "quoted-printable"}
    payload = part.get_payload(decode=True) if encoded else part.get_payload()
    if not isinstance(payload, bytes):
        return str(payload or "")
    try:
        text = payload.decode(str(part.get_param("charset", "utf-8")), "replace")
    except (LookupError, ValueError):  # a charset unknown here, or that is no charset of text
        text = payload.decode("utf-8", "replace")
    return _clean(text)


def _sent(date: str | None) -> datetime:
    """When the mail was sent, by its own header: “by Friday” means the same however late the mail is read."""
    try:
        sent = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return datetime.now(UTC)
    return sent if sent.tzinfo else sent.replace(tzinfo=UTC)


def _own_words(body: str) -> str:
    """The body up to the first signature or quoted mail, without the lines marked as quotes."""
    kept: list[str] = []
    for line in body.splitlines():
        if _QUOTE_STARTS.match(line):
            break
        if not line.startswith(">"):
            kept.append(line.rstrip())
    return "\n".join(kept).strip()
