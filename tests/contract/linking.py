"""Links from the answers of one operation to the next, where the served document has none.

A fuzzer that makes up ids, or mixes those of several runs, reaches nothing: ids have to come from an answer.
"""

from __future__ import annotations

import re

from tests.contract.document import Json, operations

CREATE, BATCH, WAIT, STREAM, THREAD = (
    "POST /runs",
    "POST /runs/batch",
    "POST /runs/wait",
    "POST /runs/stream",
    "POST /threads",
)
ASSISTANT, SUBGRAPH = "POST /assistants", "GET /assistants/{assistant_id}/subgraphs/{namespace}"
HISTORY, SEARCH, CANCEL = "GET /threads/{thread_id}/history", "POST /threads/{thread_id}/history", "POST /runs/cancel"
STATE, STATE_AT = "GET /threads/{thread_id}/state", "GET /threads/{thread_id}/state/{checkpoint_id}"
CANCEL_RUN, CANCEL_THREAD_RUN = "POST /runs/{run_id}/cancel", "POST /threads/{thread_id}/runs/{run_id}/cancel"
SEARCH_STATE = "POST /threads/{thread_id}/state/checkpoint"

_LOCATION = "$response.header.Content-Location#regex:"
# Operation -> where its answer has the ids.
_IDS = {
    CREATE: {"thread_id": "$response.body#/thread_id", "run_id": "$response.body#/run_id"},
    BATCH: {"thread_id": "$response.body#/0/thread_id", "run_id": "$response.body#/0/run_id"},
    WAIT: {"thread_id": f"{_LOCATION}/threads/([^/]+)", "run_id": f"{_LOCATION}/runs/([^/]+)"},
    STREAM: {"run_id": f"{_LOCATION}/runs/([^/]+)"},
    THREAD: {"thread_id": "$response.body#/thread_id"},
    ASSISTANT: {"assistant_id": "$response.body#/assistant_id"},
}
_PATH = {"thread_id": "$request.path.thread_id"}
# The namespace in which a node that is a graph keeps its states.
_INNER = "tasks/0/checkpoint/checkpoint_ns"
_NEWEST = "$response.body#/0"


def link_operations(document: Json) -> int:
    """Link each create with every operation on its run or thread; returns the number of new links."""
    added = 0
    for source, ids in _IDS.items():
        for label in operations(document):
            named = set(re.findall(r"\{([^}]+)\}", label))
            if named and named <= set(ids):
                added += _link(document, source, label, {name: ids[name] for name in sorted(named)})
    # The subgraph of the steered graph (steered.py).
    return added + _link(document, ASSISTANT, SUBGRAPH, {**_IDS[ASSISTANT], "namespace": "inner"})


def link_bodies(document: Json) -> int:
    """Link answers with requests whose bodies, or queries, refer to them; returns how many links were added."""
    by_ids = {"thread_id": _IDS[CREATE]["thread_id"], "run_ids": [_IDS[CREATE]["run_id"]]}
    return sum(
        (
            _link(document, CREATE, CANCEL, {}, by_ids),
            _link(document, THREAD, THREAD, {}, {"thread_id": _IDS[THREAD]["thread_id"]}, merge=True),
            _link(document, WAIT, STATE, {"thread_id": _IDS[WAIT]["thread_id"], "query.subgraphs": True}),
            _link(document, CREATE, CANCEL_RUN, {"run_id": _IDS[CREATE]["run_id"], "query.wait": True}),
            _link(document, CREATE, CANCEL_THREAD_RUN, {**_IDS[CREATE], "query.wait": True}),
            _link(document, STATE, SEARCH, _PATH, {"checkpoint": {"checkpoint_ns": f"$response.body#/{_INNER}"}}),
            _link(document, HISTORY, STATE_AT, {**_PATH, "checkpoint_id": f"{_NEWEST}/checkpoint_id"}),
            _link(document, HISTORY, SEARCH_STATE, _PATH, {"checkpoint": f"{_NEWEST}/checkpoint"}),
            _link(document, HISTORY, HISTORY, {**_PATH, "query.before": f"{_NEWEST}/checkpoint_id"}),
            _link(document, HISTORY, SEARCH, _PATH, {"before": f"{_NEWEST}/checkpoint", "limit": 3}),
            _link(document, HISTORY, SEARCH, _PATH, {"metadata": {"source": f"{_NEWEST}/metadata/source"}, "limit": 3}),
            _link(document, HISTORY, SEARCH, _PATH, {"checkpoint": {"checkpoint_ns": f"{_NEWEST}/{_INNER}"}}),
            _link(document, HISTORY, SEARCH, _PATH, {"checkpoint": {"checkpoint_ns": f"$response.body#/1/{_INNER}"}}),
        )
    )


def _link(
    document: Json, source: str, target: str, parameters: Json, body: Json | None = None, *, merge: bool = False
) -> int:
    """Add one link, unless the operation has one like it; returns 1 if it was added."""
    known = operations(document)
    if source not in known or target not in known:
        return 0
    links: Json = known[source]["responses"]["200"].setdefault("links", {})
    link: Json = {"operationId": known[target]["operationId"], "parameters": parameters}
    if body is not None:
        link |= {"requestBody": body, "x-schemathesis": {"merge_body": merge}}
    if any(_same(link, other) for other in links.values()):
        return 0
    links[f"{link['operationId']}_{len(links)}"] = link
    return 1


def _same(link: Json, other: Json) -> bool:
    return all(link.get(key) == other.get(key) for key in ("operationId", "parameters", "requestBody"))
