"""The graph's input, output and state: plain JSON values, so that each stream mode and checkpointer can carry them."""

import operator
from typing import Annotated, Literal

from typing_extensions import TypedDict

Decision = Literal["new_task", "existing_thread", "ignore", "escalate"]
MailKind = Literal["personal", "notice", "newsletter", "auto_reply"]


class Link(TypedDict):
    """A link and the text shown for it, empty where the text is the address itself."""

    label: str
    url: str


class Mail(TypedDict):
    """One mail, read: `body` is what its sender wrote, without quotes and signature."""

    sender: str
    sender_name: str
    subject: str
    sent: str
    body: str
    links: list[Link]
    headers: dict[str, str]


class Signals(TypedDict):
    """What the mail is, apart from its subject matter. `phishing` is a score from 0 to 1."""

    kind: MailKind
    phishing: float
    asks: int


class Action(TypedDict):
    """A sentence that asks for something, and the day it names, as an ISO date."""

    text: str
    due: str | None


class Amount(TypedDict):
    """A sum of money as written, and what it means."""

    text: str
    currency: str
    value: float


class TriageInput(TypedDict):
    """The raw mail: headers and body, or a body alone."""

    email: str


class ExtractState(TypedDict):
    """The part of the state that the `extract` sub-graph shares with its parent."""

    mail: Mail
    actions: list[Action]
    dates: list[str]
    amounts: list[Amount]


class ExtractOutput(TypedDict):
    """What the sub-graph gives back; all empty for a mail that is ignored."""

    actions: list[Action]
    dates: list[str]
    amounts: list[Amount]


class TriageOutput(ExtractOutput):
    """The answer. The last of `reasons` is the one that decided; `thread` is the Message-ID this mail answers."""

    decision: Decision
    topic: str
    urgency: float
    deadline: str | None
    thread: str | None
    reasons: Annotated[list[str], operator.add]  # the parallel nodes each add theirs


class TriageState(TriageOutput):
    """All that the nodes share; `email`, `mail` and `signals` are no part of the answer."""

    email: str
    mail: Mail
    signals: Signals
