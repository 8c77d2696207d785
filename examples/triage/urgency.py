"""How soon a mail needs somebody, from 0 to 1."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from triage.dates import Mention, first_deadline
from triage.evidence import Evidence, combine
from triage.mail import domain_of
from triage.state import Mail

DEADLINE_WEIGHT = 0.6
DEADLINE_HALF_LIFE_HOURS = 48  # a deadline two days off presses half as much as one that is now
MAX_WORDS = 3
MAX_EXCLAMATION_MARKS = 3

_PRESSING = re.compile(
    r"\b(?:urgent(?:ly)?|asap|immediately|right away|critical|emergency|outage|is down|action required)\b",
    re.IGNORECASE,
)


class Urgency(NamedTuple):
    """The score, the deadline it counted with, and a reason per finding."""

    score: float
    deadline: Mention | None
    reasons: list[str]


def score_urgency(mail: Mail, own_domain: str) -> Urgency:
    """Deadlines, pressing words, priority headers, exclamation marks and the sender, weighed together."""
    text = f"{mail['subject']}\n{mail['body']}"
    sent = datetime.fromisoformat(mail["sent"])
    deadline = first_deadline(text, sent)
    findings = [*_from_deadline(deadline, sent), *_from_words(text), *_from_headers(mail, own_domain)]
    return Urgency(combine(findings), deadline, [f"urgency: {finding.reason}" for finding in findings])


def _from_deadline(deadline: Mention | None, sent: datetime) -> Iterator[Evidence]:
    if deadline:
        hours = (deadline.when - sent).total_seconds() / 3600
        weight = DEADLINE_WEIGHT * 2 ** (-hours / DEADLINE_HALF_LIFE_HOURS)
        yield Evidence(weight, f"“{deadline.text}” is {hours:.1f} hours after the mail was sent")


def _from_words(text: str) -> Iterator[Evidence]:
    words = dict.fromkeys(word.lower() for word in _PRESSING.findall(text))
    for word in list(words)[:MAX_WORDS]:
        yield Evidence(0.25, f"says “{word}”")
    marks = min(text.count("!"), MAX_EXCLAMATION_MARKS)
    if marks:
        yield Evidence(0.05 * marks, "has exclamation marks")


def _from_headers(mail: Mail, own_domain: str) -> Iterator[Evidence]:
    headers = mail["headers"]
    if headers.get("importance", "").lower() == "high" or headers.get("x-priority", "").startswith(("1", "2")):
        yield Evidence(0.2, "its sender marked it as important")
    if domain_of(mail["sender"]) == own_domain:
        yield Evidence(0.1, f"comes from {own_domain}")
