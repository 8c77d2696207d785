"""Links from the answers of one operation to the next that the served document does not have.

The document links what is created to the operations on it, by their paths. Links of ours set further parameters, refer
to an answer from within a body, or to an item of a list that may be empty.
"""

from __future__ import annotations

from tests.contract.document import Json, operations

CREATE, WAIT, THREAD = "POST /runs", "POST /runs/wait", "POST /threads"
ASSISTANT, SUBGRAPH = "POST /assistants", "GET /assistants/{assistant_id}/subgraphs/{namespace}"
HISTORY, SEARCH, CANCEL = "GET /threads/{thread_id}/history", "POST /threads/{thread_id}/history", "POST /runs/cancel"
STATE, STATE_AT = "GET /threads/{thread_id}/state", "GET /threads/{thread_id}/state/{checkpoint_id}"
CANCEL_RUN, CANCEL_THREAD_RUN = "POST /runs/{run_id}/cancel", "POST /threads/{thread_id}/runs/{run_id}/cancel"
SEARCH_STATE = "POST /threads/{thread_id}/state/checkpoint"

_RUN, _OF_THREAD = {"run_id": "$response.body#/run_id"}, {"thread_id": "$response.body#/thread_id"}
_OF_WAIT = {"thread_id": "$response.header.Content-Location#regex:/threads/([^/]+)"}
_PATH = {"thread_id": "$request.path.thread_id"}
# The namespace in which a node that is a graph keeps its states.
_INNER = "tasks/0/checkpoint/checkpoint_ns"
_NEWEST = "$response.body#/0"


def link_operations(document: Json) -> int:
    """Add the links between operations that the document has; returns their number."""
    by_ids = {**_OF_THREAD, "run_ids": [_RUN["run_id"]]}
    # The subgraph of the steered graph (steered.py).
    inner = {"assistant_id": "$response.body#/assistant_id", "namespace": "inner"}
    return sum(
        (
            _link(document, ASSISTANT, SUBGRAPH, inner),
            _link(document, CREATE, CANCEL, {}, by_ids),
            _link(document, THREAD, THREAD, {}, _OF_THREAD, merge=True),
            _link(document, WAIT, STATE, {**_OF_WAIT, "query.subgraphs": True}),
            _link(document, CREATE, CANCEL_RUN, {**_RUN, "query.wait": True}),
            _link(document, CREATE, CANCEL_THREAD_RUN, {**_OF_THREAD, **_RUN, "query.wait": True}),
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
    """Add one link if the document has both operations; returns 1 if it was added."""
    known = operations(document)
    if source not in known or target not in known:
        return 0
    links: Json = known[source]["responses"]["200"].setdefault("links", {})
    link: Json = {"operationId": known[target]["operationId"], "parameters": parameters}
    if body is not None:
        link |= {"requestBody": body, "x-schemathesis": {"merge_body": merge}}
    links[f"{link['operationId']}_{len(links)}"] = link
    return 1
