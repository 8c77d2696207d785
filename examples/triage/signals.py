"""What kind of mail it is: from a person, automatic, bulk, or a lure; and whether it asks for anything."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from triage.evidence import Evidence, combine
from triage.links import host_of, site_of
from triage.mail import domain_of
from triage.requests import find_requests
from triage.state import Mail, MailKind, Signals

_SHOWN_ADDRESS = re.compile(
    r"(?:https?://)?((?:[a-z0-9-]{1,63}\.){1,5}(?!pdf|docx?|xlsx?|csv|zip|png|txt)[a-z]{2,12})(?:/\S*)?"
)
_LURE = re.compile(
    r"\b(?:verify|confirm|validate|update)\s+your\s+(?:account|identity|password|details|payment)"
    r"|\b(?:account|mailbox|access)\s+(?:will be|has been|is)\s+(?:suspended|locked|limited|closed)"
    r"|\bpassword\s+(?:expires|has expired|will expire)",
    re.IGNORECASE,
)
_AWAY = re.compile(r"^(?:out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:re|response))", re.IGNORECASE)
_LOOKALIKES = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("5", "s"))


class Reading(NamedTuple):
    """The signals, and a reason for each that was found."""

    signals: Signals
    reasons: list[str]


def read_signals(mail: Mail, own_domain: str) -> Reading:
    """The mail's kind, how much of a phishing mail it looks, and how many requests it makes."""
    kind, kind_reasons = _kind_of(mail)
    lures = [*_from_links(mail), *_from_sender(mail, own_domain), *_from_text(mail)]
    signals: Signals = {
        "kind": kind,
        "phishing": combine(lures),
        "asks": len(find_requests(mail["body"])),
    }
    return Reading(signals, kind_reasons + [f"phishing: {lure.reason}" for lure in lures])


def _kind_of(mail: Mail) -> tuple[MailKind, list[str]]:
    """By the headers mail programs must set (RFC 3834, RFC 2369), and the subject for those that do not."""
    headers = mail["headers"]
    automatic = headers.get("auto-submitted", "no").lower()
    if automatic.startswith("auto-replied") or _AWAY.match(mail["subject"]):
        return "auto_reply", ["kind: an automatic reply"]
    if "list-unsubscribe" in headers or headers.get("precedence", "").lower() in {"bulk", "list", "junk"}:
        return "newsletter", ["kind: sent to a list one can unsubscribe from"]
    if automatic != "no" or re.match(r"(?:no-?reply|alerts?|monitoring|notifications?)@", mail["sender"]):
        return "notice", ["kind: written by a machine"]
    return "personal", []


def _from_links(mail: Mail) -> Iterator[Evidence]:
    for link in mail["links"]:
        host = host_of(link["url"])
        shown = _SHOWN_ADDRESS.fullmatch(link["label"].strip().lower())
        if shown and host and site_of(shown[1]) != site_of(host):
            yield Evidence(0.6, f"a link shows {shown[1]} and leads to {host}")
        if re.fullmatch(r"[\d.]+", host):
            yield Evidence(0.5, f"a link leads to the bare address {host}")


def _from_sender(mail: Mail, own_domain: str) -> Iterator[Evidence]:
    domain = domain_of(mail["sender"])
    answers = domain_of(mail["headers"].get("reply-to", "").rstrip("> "))
    if domain and answers and site_of(answers) != site_of(domain):
        yield Evidence(0.3, f"comes from {domain} and wants answers at {answers}")
    if not domain or site_of(domain) == site_of(own_domain):
        return
    if own_domain in mail["sender_name"].lower():
        yield Evidence(0.5, f"its sender is called {own_domain} and writes from {domain}")
    if _skeleton(site_of(domain)) == _skeleton(own_domain) or own_domain.split(".")[0] in re.split(r"[.-]", domain):
        yield Evidence(0.5, f"its domain {domain} imitates {own_domain}")


def _from_text(mail: Mail) -> Iterator[Evidence]:
    if lure := _LURE.search(f"{mail['subject']}\n{mail['body']}"):
        yield Evidence(0.4, f"says “{' '.join(lure[0].split()).lower()}”")


def _skeleton(domain: str) -> str:
    """A domain with the characters replaced that look like others, so that lookalikes become equal."""
    for lookalike, character in _LOOKALIKES:
        domain = domain.replace(lookalike, character)
    return domain
