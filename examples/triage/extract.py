"""The `extract` sub-graph: action items, dates and sums of money, found side by side."""

import re
from datetime import datetime

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from triage.dates import find_dates
from triage.requests import find_requests
from triage.settings import TriageSettings
from triage.state import Action, Amount, ExtractOutput, ExtractState, Mail

MAX_AMOUNTS = 50

_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
_FACTORS = {"k": 1_000, "m": 1_000_000}
_NUMBER = r"\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,2})?|\d{1,12}(?:\.\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?:(?P<sign>[$€£]) ?|\b(?P<before>USD|EUR|GBP|CHF) )(?P<number>{_NUMBER})(?P<factor>[kKmM])?\b"
    rf"|\b(?P<number2>{_NUMBER})(?P<factor2>[kKmM])? ?(?:(?P<sign2>[€£])|(?P<after>USD|EUR|GBP|CHF)\b)"
)


class FoundActions(TypedDict):
    """What `find_actions` adds to the state."""

    actions: list[Action]


class FoundDates(TypedDict):
    """What `list_dates` adds to the state."""

    dates: list[str]


class FoundAmounts(TypedDict):
    """What `find_amounts` adds to the state."""

    amounts: list[Amount]


def find_actions(state: ExtractState, runtime: Runtime[TriageSettings]) -> FoundActions:
    """Each request with the first day its own sentence names."""
    sent = datetime.fromisoformat(state["mail"]["sent"])
    actions: list[Action] = []
    for request in find_requests(state["mail"]["body"]):
        mentions = find_dates(request, sent)
        actions.append({"text": request, "due": mentions[0].when.date().isoformat() if mentions else None})
    runtime.stream_writer({"stage": "actions", "score": len(actions)})
    return {"actions": actions}


def list_dates(state: ExtractState, runtime: Runtime[TriageSettings]) -> FoundDates:
    """Every day named in subject or body, as ISO dates in order."""
    mentions = find_dates(_text_of(state["mail"]), datetime.fromisoformat(state["mail"]["sent"]))
    dates = sorted({mention.when.date().isoformat() for mention in mentions})
    runtime.stream_writer({"stage": "dates", "score": len(dates)})
    return {"dates": dates}


def find_amounts(state: ExtractState, runtime: Runtime[TriageSettings]) -> FoundAmounts:
    """Every sum of money named in subject or body."""
    matches = list(_AMOUNT.finditer(_text_of(state["mail"])))[:MAX_AMOUNTS]
    amounts = [_amount_of(match) for match in matches]
    runtime.stream_writer({"stage": "amounts", "score": len(amounts)})
    return {"amounts": amounts}


def build_extract() -> CompiledStateGraph[ExtractState, TriageSettings, ExtractState, ExtractOutput]:
    """The three searches as parallel nodes; used as one node of the triage graph."""
    builder = StateGraph(ExtractState, context_schema=TriageSettings, output_schema=ExtractOutput)
    for node in (find_actions, list_dates, find_amounts):
        builder.add_node(node)
        builder.add_edge(START, node.__name__)
        builder.add_edge(node.__name__, END)
    return builder.compile(name="extract")


def _text_of(mail: Mail) -> str:
    return f"{mail['subject']}\n{mail['body']}"


def _amount_of(match: re.Match[str]) -> Amount:
    number = float((match["number"] or match["number2"]).replace(",", ""))
    factor = _FACTORS.get((match["factor"] or match["factor2"] or "").lower(), 1)
    sign = match["sign"] or match["sign2"]
    currency = _SIGNS[sign] if sign else match["before"] or match["after"]
    return {"text": match[0], "currency": currency, "value": round(number * factor, 2)}
