"""Changes a valid thread before it is sent: it gets states that a graph takes, and time to live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.contract.positives import number

Json = dict[str, Any]
Recipes = Sequence[tuple[str, list[Json]]]
"""(graph, supersteps) that make states."""

# Minutes. A sequence of operations takes seconds, and a thread that expires during it looks like a lost thread.
SHORTEST_LIFE = 1.0


def sendable_thread(body: Json, recipes: Recipes, *, sequence: bool = False) -> Json:
    """The request as it is sent: in sequences most threads have states, so that there is something to read.

    Generated supersteps name nodes and graphs that do not exist: half of them are replaced, and half keep
    their values, but get a graph and a node that exist.
    """
    body = {**body}
    ttl = body.get("ttl")
    if isinstance(ttl, dict):
        body["ttl"] = _long_enough(ttl) if sequence else ttl
    chosen = number(body)
    graph, supersteps = recipes[chosen // 8 % len(recipes)]
    generated = body.get("supersteps")
    if generated and not sequence and chosen % 2:
        node = supersteps[0]["updates"][0]["as_node"]
        steps = [{**step, "updates": [{**update, "as_node": node} for update in step["updates"]]} for step in generated]
        return _of_graph(body, graph, steps)
    if generated or (sequence and chosen % 8 < 6):
        return _of_graph(body, graph, supersteps)
    return body


def may_be_refused(body: Json, recipes: Recipes) -> bool:
    """Whether the graph may refuse this valid thread, because its states were generated."""
    return bool(body.get("supersteps")) and body["supersteps"] not in [supersteps for _, supersteps in recipes]


def _long_enough(ttl: Json) -> Json:
    minutes = ttl.get("ttl")
    if isinstance(minutes, int | float) and minutes < SHORTEST_LIFE:
        return {**ttl, "ttl": SHORTEST_LIFE}
    return ttl


def _of_graph(body: Json, graph: str, supersteps: list[Json]) -> Json:
    return {**body, "metadata": {**(body.get("metadata") or {}), "graph_id": graph}, "supersteps": supersteps}
