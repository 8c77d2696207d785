"""The `triage` graph: read a mail, weigh it three ways at once, decide, and extract what is worth acting on.

The nodes are plain functions: a server runs them in worker threads, so that a long mail holds up no other run, and
`graph.invoke` works without an event loop. What each rule means is in the module named after it.
"""

from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from triage.decision import decide, thread_of
from triage.extract import build_extract
from triage.mail import MAX_CHARS, read_mail
from triage.settings import TriageSettings
from triage.signals import read_signals
from triage.state import Decision, Mail, Signals, TriageInput, TriageOutput, TriageState
from triage.topics import GENERAL, classify
from triage.urgency import score_urgency as weigh_urgency

WEIGHING = ("classify_topic", "score_urgency", "detect_signals")


class Parsed(TriageOutput):
    """An answer to begin with, so that every run ends with every field, and the mail."""

    mail: Mail


class Classified(TypedDict):
    """What `classify_topic` adds to the state."""

    topic: str
    reasons: list[str]


class Scored(TypedDict):
    """What `score_urgency` adds to the state."""

    urgency: float
    deadline: str | None
    reasons: list[str]


class Detected(TypedDict):
    """What `detect_signals` adds to the state."""

    signals: Signals
    reasons: list[str]


class Decided(TypedDict):
    """What `make_decision` adds to the state."""

    decision: Decision
    thread: str | None
    reasons: list[str]


def parse(state: TriageInput, runtime: Runtime[TriageSettings]) -> Parsed:
    """Read the mail; until something is found, nothing speaks for acting on it."""
    raw: object = state.get("email")  # checked by nobody before: a request's input is any JSON
    mail = read_mail(raw)
    runtime.stream_writer({"stage": "parse", "score": 0.0 if _is_blank(mail) else 1.0, "subject": mail["subject"]})
    return {
        "mail": mail,
        "decision": "ignore",
        "topic": GENERAL,
        "urgency": 0.0,
        "deadline": None,
        "thread": None,
        "reasons": _remarks(raw, mail),
        "actions": [],
        "dates": [],
        "amounts": [],
    }


def classify_topic(state: TriageState, runtime: Runtime[TriageSettings]) -> Classified:
    """Name the topic by weighted keywords."""
    topic = classify(state["mail"]["subject"], state["mail"]["body"])
    runtime.stream_writer({"stage": "topic", "score": topic.share, "topic": topic.name})
    because = [f"topic: {topic.name}, by {', '.join(topic.words)} (score {topic.score:g})"] if topic.words else []
    return {"topic": topic.name, "reasons": because}


def score_urgency(state: TriageState, runtime: Runtime[TriageSettings]) -> Scored:
    """Weigh deadlines, wording, headers and sender."""
    urgency = weigh_urgency(state["mail"], settings_of(runtime).own_domain)
    runtime.stream_writer({"stage": "urgency", "score": urgency.score})
    deadline = urgency.deadline.when.isoformat() if urgency.deadline else None
    return {"urgency": urgency.score, "deadline": deadline, "reasons": urgency.reasons}


def detect_signals(state: TriageState, runtime: Runtime[TriageSettings]) -> Detected:
    """Tell a person's mail from machines, lists and lures."""
    signals, reasons = read_signals(state["mail"], settings_of(runtime).own_domain)
    runtime.stream_writer({"stage": "signals", "score": signals["phishing"], "kind": signals["kind"]})
    return {"signals": signals, "reasons": reasons}


def make_decision(state: TriageState, runtime: Runtime[TriageSettings]) -> Decided:
    """Apply the rules of `triage.decision` to all that was found."""
    settings = settings_of(runtime)
    verdict = decide(state["mail"], state["topic"], state["urgency"], state["signals"], settings)
    runtime.stream_writer({"stage": "decision", "score": state["urgency"], "decision": verdict.decision})
    return {"decision": verdict.decision, "thread": thread_of(state["mail"]), "reasons": [verdict.reason]}


def route_parsed(state: TriageState) -> list[str]:
    """All three weighings at once, or none where there is nothing to weigh."""
    return [END] if _is_blank(state["mail"]) else list(WEIGHING)


def route_decided(state: TriageState) -> Literal["extract", "__end__"]:
    """Only what is acted on is worth extracting from."""
    return "__end__" if state["decision"] == "ignore" else "extract"


def settings_of(runtime: Runtime[TriageSettings]) -> TriageSettings:
    """The run's context; LangGraph passes None where the request has none."""
    return runtime.context or TriageSettings()


def build_graph() -> CompiledStateGraph[TriageState, TriageSettings, TriageInput, TriageOutput]:
    """Wire the nodes; examples/README.md shows the picture."""
    builder = StateGraph(
        TriageState, context_schema=TriageSettings, input_schema=TriageInput, output_schema=TriageOutput
    )
    for node in (parse, classify_topic, score_urgency, detect_signals, make_decision):
        builder.add_node(node)
    builder.add_node("extract", build_extract())
    builder.add_edge(START, "parse")
    builder.add_conditional_edges("parse", route_parsed, [*WEIGHING, END])
    builder.add_edge(list(WEIGHING), "make_decision")
    builder.add_conditional_edges("make_decision", route_decided)
    builder.add_edge("extract", END)
    return builder.compile(name="triage")


def _remarks(raw: object, mail: Mail) -> list[str]:
    if _is_blank(mail):
        return ["there is no text to read"]
    if isinstance(raw, str) and len(raw) > MAX_CHARS:
        return [f"only the first {MAX_CHARS:,} characters were read"]
    return []


def _is_blank(mail: Mail) -> bool:
    return not (mail["subject"] or mail["body"])


graph = build_graph()
