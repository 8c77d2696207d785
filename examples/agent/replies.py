"""The rules behind `RuleChatModel`: each reads the conversation and answers, or leaves it to the next rule."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from langchain_core.messages import BaseMessage, HumanMessage

from agent.arithmetic import solve
from triage.decision import assess
from triage.settings import TriageSettings

MAX_CHARS = 10_000  # of one message; rules look for short phrases, so more text only costs time
MAX_QUOTE = 200

CAPABILITIES = (
    "I can greet you, remember what you told me in this conversation (try “What is my name?”), "
    "work out sums such as “What is 12 * 7?”, and decide what to do with an e-mail inside <email>…</email>."
)

_NAME = re.compile(
    r"\b(?i:my name is|my name's|i am called|call me)\s+([^\W\d_][\w'-]*(?:\s+[A-Z][\w'-]+)?)"
    # After a bare “I am” only a capital tells a name (“I am Bagatur”) from anything else (“I am hungry”).
    r"|\b(?:[Ii] am|[Ii]'m)\s+([A-Z][\w'-]*(?:\s+[A-Z][\w'-]+)?)"
)
_AGE = re.compile(r"\b(?:i am|i'm|aged?)\s+(\d{1,3})(?=\s*(?:years?\b|[.,!?]|and\b|$))", re.IGNORECASE)
_GREETING = re.compile(r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening)|greetings)\b", re.IGNORECASE)
_ASKS_OWN_NAME = re.compile(r"\b(?:who are you|what(?:'s| is) your name|your name\?)", re.IGNORECASE)
_ASKS_USER_NAME = re.compile(r"\b(?:what(?:'s| is) my name|who am i|my name\?)", re.IGNORECASE)
_ASKS_USER_AGE = re.compile(r"\b(?:how old am i|what(?:'s| is) my age)", re.IGNORECASE)
_ASKS_EARLIER = re.compile(r"\bwhat did i (?:just )?(?:say|ask|tell|write)\b(?P<first>.*\bfirst\b)?", re.IGNORECASE)
_ASKS_ABILITIES = re.compile(r"\bwhat (?:can|do) you do\b|\bhelp\b", re.IGNORECASE)


class Heard(NamedTuple):
    """What the user has said so far: the latest text, and those before it, oldest first."""

    latest: str
    earlier: Sequence[str]


def reply_to(messages: Sequence[BaseMessage]) -> str:
    """The answer of the first rule that has one; the same conversation always gets the same answer."""
    said = [_plain(message.text) for message in messages if isinstance(message, HumanMessage)]
    if not said or not said[-1].strip():
        return f"I have nothing to answer yet. {CAPABILITIES}"
    heard = Heard(latest=said[-1], earlier=said[:-1])
    answers = (rule(heard) for rule in _RULES)
    return next((answer for answer in answers if answer), f"I have no rule for that. {CAPABILITIES}")


def _judge_mail(heard: Heard) -> str | None:
    if "<email>" not in heard.latest:
        return None
    decision, reason = assess(heard.latest, TriageSettings())
    return f"Decision: {decision}, because {reason}. The `triage` graph gives the details."


def _recall_name(heard: Heard) -> str | None:
    if not _ASKS_USER_NAME.search(heard.latest):
        return None
    name = _latest_name([*heard.earlier, heard.latest])
    return f"Your name is {name}." if name else "You have not told me your name in this conversation."


def _recall_age(heard: Heard) -> str | None:
    if not _ASKS_USER_AGE.search(heard.latest):
        return None
    age = _latest_age([*heard.earlier, heard.latest])
    return f"You told me you are {age} years old." if age else "You have not told me your age in this conversation."


def _recall_words(heard: Heard) -> str | None:
    asked = _ASKS_EARLIER.search(heard.latest)
    if not asked:
        return None
    if not heard.earlier:
        return "This is the first thing you have said to me."
    when, text = ("first", heard.earlier[0]) if asked["first"] else ("last", heard.earlier[-1])
    return f"The {when} thing you said before this was: “{_shorten(text)}”"


def _introduce_itself(heard: Heard) -> str | None:
    if not _ASKS_OWN_NAME.search(heard.latest):
        return None
    return "I am the example agent that comes with Treadle: a few rules behind a chat model's interface."


def _calculate(heard: Heard) -> str | None:
    return solve(heard.latest)


def _greet(heard: Heard) -> str | None:
    name, age = _latest_name([heard.latest]), _latest_age([heard.latest])
    if not (name or age or _GREETING.search(heard.latest)):
        return None
    known = name or _latest_name(heard.earlier)
    greeting = f"Hello {known}! It is nice to meet you." if known else "Hello! It is nice to meet you."
    noted = f" You are {age} years old: noted, for as long as you send this conversation along." if age else ""
    return f"{greeting}{noted} What can I do for you?"


def _list_abilities(heard: Heard) -> str | None:
    return CAPABILITIES if _ASKS_ABILITIES.search(heard.latest) else None


def _latest_name(texts: Sequence[str]) -> str | None:
    found = (match for text in reversed(texts) for match in _NAME.finditer(text))
    name = next((match[1] or match[2] for match in found), None)
    return name[0].upper() + name[1:] if name else None


def _latest_age(texts: Sequence[str]) -> str | None:
    return next((match[1] for text in reversed(texts) if (match := _AGE.search(text))), None)


def _plain(text: str) -> str:
    """The text with the apostrophe of a keyboard, so that no rule has to know the typographic one."""
    return text[:MAX_CHARS].replace("\u2019", "'")


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_QUOTE else f"{flat[:MAX_QUOTE]}…"


# Questions about a fact come before the greeting: “Hi, what is my name?” wants the name.
_RULES: tuple[Callable[[Heard], str | None], ...] = (
    _judge_mail,
    _recall_name,
    _recall_age,
    _recall_words,
    _introduce_itself,
    _calculate,
    _greet,
    _list_abilities,
)
