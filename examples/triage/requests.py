"""The sentences of a mail that ask its reader for something."""

import re

MAX_REQUESTS = 20
MAX_SENTENCE = 300

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*[-*•] )")
_BULLET = re.compile(r"^\s*[-*•] (?:\[ ?\] )?")
_REQUEST = re.compile(
    r"\bplease\b(?! (?:note|be aware|find attached))|\b(?:can|could|would|will) you\b|\byou (?:need|have) to\b"
    r"|\bwe need (?:you|your)\b|\blet me know\b|\baction required\b|\b(?:to|your) (?:approv|sign[ -]off)",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(
    r"^(?:add|approve|book|call|check|confirm|fix|prepare|reply|restart|review|roll back|send|share|sign|update)\b",
    re.IGNORECASE,
)


def find_requests(body: str) -> list[str]:
    """Sentences that ask, and list items that begin with a verb, in order and each once."""
    sentences = [_BULLET.sub("", " ".join(sentence.split())) for sentence in _SENTENCE_END.split(body)]
    asking = [sentence for sentence in sentences if _REQUEST.search(sentence) or _IMPERATIVE.match(sentence)]
    return [sentence[:MAX_SENTENCE] for sentence in dict.fromkeys(asking)][:MAX_REQUESTS]
