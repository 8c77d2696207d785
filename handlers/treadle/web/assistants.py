"""Operations on assistants: find the graphs that can be run."""

from __future__ import annotations

from typing import Any, cast

import treadle_api.operations as op
from treadle.encoding import timestamp
from treadle.graphs.assistants import Assistant, Assistants
from treadle.web.binding import Call
from treadle.web.replies import Json, Reply, ignored_header
from treadle_api import results


class AssistantHandlers:
    """Handlers of `POST /assistants/search` and `GET /assistants/{assistant_id}`."""

    def __init__(self, assistants: Assistants) -> None:
        self._assistants = assistants

    async def search_assistants(
        self, call: Call[op.SearchAssistantsBody, op.SearchAssistantsParameters]
    ) -> Reply[op.SearchAssistantsResult]:
        """Answer with a page of the assistants that fit, whole or with some of their keys."""
        body = call.body
        graph_id = body.graph_id
        candidates = self._assistants.all if graph_id is None else [self._assistants.of_graph(graph_id)]
        found = [view for view in map(assistant_view, candidates) if _fits(view, body)]
        # Without `sort_by` the newest come first, whatever `sort_order` says (recorded).
        key, ascending = (body.sort_by, body.sort_order == "asc") if body.sort_by else ("created_at", False)
        found.sort(key=lambda view: cast(dict[str, str], view)[key].lower(), reverse=not ascending)
        page = found[body.offset : body.offset + body.limit]
        selected = [{key: value for key, value in view.items() if _selected(key, body.select)} for view in page]
        headers = _pagination(len(found), body.offset, body.limit) | ignored_header(call.unknown)
        return Json(cast(list[results.ListedAssistant], selected), headers=headers)

    async def get_assistant(
        self, call: Call[op.GetAssistantBody, op.GetAssistantParameters]
    ) -> Reply[op.GetAssistantResult]:
        """Answer with one assistant; by its UUID only (recorded)."""
        return Json(assistant_view(self._assistants.get(call.parameters.assistant_id)))


def assistant_view(assistant: Assistant) -> results.Assistant:
    """The API's Assistant, keys in the recorded order."""
    created_at = timestamp(assistant.created_at)
    return {
        "assistant_id": assistant.assistant_id,
        "graph_id": assistant.graph_id,
        "config": {},
        "context": {},
        "metadata": {"created_by": "system"},
        "name": assistant.name,
        "created_at": created_at,
        "updated_at": created_at,
        "version": 1,
        "description": assistant.description,
    }


def _fits(view: results.Assistant, body: op.SearchAssistantsBody) -> bool:
    """Whether an assistant has all requested metadata, and the text in its name in any case."""
    wanted: dict[str, Any] = body.metadata or {}
    has = view["metadata"]
    named = body.name is None or body.name.lower() in view.get("name", "").lower()
    return named and all(key in has and has[key] == value for key, value in wanted.items())


def _selected(key: str, select: list[Any] | None) -> bool:
    return select is None or key in select


def _pagination(found: int, offset: int, limit: int) -> dict[str, str]:
    """With more to come, the total is only one more than was seen, and the next offset is named (recorded)."""
    if found <= offset + limit:
        return {"x-pagination-total": str(found)}
    return {"x-pagination-total": str(offset + limit + 1), "x-pagination-next": str(offset + limit)}
