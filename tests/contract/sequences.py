"""Which sequences of operations are tried: from each source of ids alone, and on runs that are still alive.

With all sources and all operations at once, Schemathesis hardly follows most links, and it follows others too late:
another operation has deleted or cancelled the run before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.contract.document import Json, declared_links, operations, sources
from tests.contract.gate import Unmet
from tests.contract.linking import CREATE, HISTORY, SEARCH, SEARCH_STATE, STATE, STATE_AT, WAIT

SEQUENCES = ("--phases", "stateful")
NEEDING_LIFE = r"POST .*/\{run_id\}/cancel"
GET_THREAD = "GET /threads/{thread_id}"
# For each source, so many that each of its links is followed about ten times.
EXAMPLES, EXAMPLES_PER_LINK = 20, 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Sequences of some of the operations."""

    name: str
    options: tuple[str, ...]
    """The options of Schemathesis for them."""
    examples: int


def plans(document: Json) -> list[Plan]:
    """The plans that are always tried."""
    roots = sources(document)
    alone = [
        Plan(f"from {root}", _without(other for other in roots if other != root), _enough(document, root))
        for root in roots
    ]
    needing_life = [label for label in operations(document) if re.fullmatch(NEEDING_LIFE, label)]
    live = [Plan(f"{CREATE}, then {label}", _only(CREATE, GET_THREAD, label), 20) for label in needing_life]
    return [*alone, *live, *reading()]


def reading() -> list[Plan]:
    """Plans that meet threads in every state, and read their checkpoints."""
    return [
        Plan("a thread", _only(WAIT, GET_THREAD, STATE, SEARCH), 30),
        Plan("its checkpoints", _only(WAIT, HISTORY, SEARCH, SEARCH_STATE), 30),
        Plan("one checkpoint", _only(WAIT, HISTORY, STATE_AT), 20),
    ]


def missing(document: Json, left: Unmet) -> list[Plan]:
    """Plans for the unmet demands alone."""
    links = [(source, _target(document, source, name)) for source, name in left.links]
    into = [(source, _target(document, source, name)) for source, name in declared_links(document)]
    labels = {label for label, _ in left.statuses}
    steps = dict.fromkeys([*links, *(step for step in sorted(into) if step[1] in labels)])
    focused = [Plan(f"{source}, then {target}", _only(*_path(source, target)), EXAMPLES) for source, target in steps]
    return [*focused, *(reading() if left.facts else ())]


def _path(source: str, target: str) -> Iterable[str]:
    """The operations that lead from a source of ids to the target."""
    return dict.fromkeys((WAIT if "{" in source else source, source, target))


def _target(document: Json, source: str, name: str) -> str:
    link = operations(document)[source]["responses"]["200"]["links"][name]
    by_id = {operation["operationId"]: label for label, operation in operations(document).items()}
    return by_id[link["operationId"]]


def _enough(document: Json, root: str) -> int:
    return EXAMPLES + EXAMPLES_PER_LINK * sum(source == root for source, _ in declared_links(document))


def _without(labels: Iterable[str]) -> tuple[str, ...]:
    return (*SEQUENCES, *(option for label in labels for option in ("--exclude-name", label)))


def _only(*labels: str) -> tuple[str, ...]:
    return (*SEQUENCES, *(option for label in labels for option in ("--include-name", label)))
