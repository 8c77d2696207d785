"""What a mail is about, by weighted keywords."""

import re
from typing import NamedTuple

GENERAL = "general"
MIN_SCORE = 2.0
SUBJECT_FACTOR = 2  # a word in the subject says more than one in the body

# 3 names the topic by itself, 2 is typical of it, 1 only supports it.
_KEYWORDS: dict[str, dict[str, float]] = {
    "finance": {"budget": 3, "invoice": 3, "expense": 2, "payment": 2, "forecast": 2, "cost": 1, "quarter": 1, "q4": 1},
    "operations": {"outage": 3, "incident": 3, "server": 2, "database": 2, "deploy": 2, "latency": 2, "down": 1},
    "people": {"vacation": 3, "interview": 3, "onboarding": 3, "candidate": 2, "leave": 1, "office": 1, "team": 1},
    "sales": {"quote": 3, "proposal": 2, "demo": 2, "renewal": 2, "customer": 2, "discount": 2, "offer": 1, "price": 1},
    "legal": {"contract": 3, "nda": 3, "gdpr": 3, "agreement": 2, "clause": 2, "signature": 1, "terms": 1},
    "security": {"breach": 3, "vulnerability": 3, "password": 2, "account": 1, "verify": 1, "login": 1, "suspend": 1},
    "scheduling": {"meeting": 2, "calendar": 2, "reschedule": 3, "agenda": 2, "invite": 2, "call": 1, "slot": 1},
}
_WORD = re.compile(r"[a-z][a-z0-9]*")


class Topic(NamedTuple):
    """The best topic, its score, its share of all scores, and the words that spoke for it."""

    name: str
    score: float
    share: float
    words: list[str]


def classify(subject: str, body: str) -> Topic:
    """The topic with the highest score; the first in the table on a tie, `general` if none is strong enough."""
    in_subject, in_body = _words_of(subject), _words_of(body)
    hits = {
        name: {
            word: weight * (SUBJECT_FACTOR * (word in in_subject) + (word in in_body))
            for word, weight in keywords.items()
            if word in in_subject or word in in_body
        }
        for name, keywords in _KEYWORDS.items()
    }
    scores = {name: sum(words.values()) for name, words in hits.items()}
    best = max(scores, key=lambda name: scores[name])
    total = sum(scores.values())
    if scores[best] < MIN_SCORE:
        return Topic(GENERAL, 0.0, 0.0, [])
    words = sorted(hits[best], key=lambda word: -hits[best][word])
    return Topic(best, scores[best], round(scores[best] / total, 2), words)


def _words_of(text: str) -> set[str]:
    """The words of a text, each as written and without a plural or past ending."""
    words = set(_WORD.findall(text.lower()))
    return words | {re.sub(r"(?:s|ed)$", "", word) for word in words}
