"""Operations on assistants: create, find, change and delete them, and look at their graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, cast
from uuid import UUID

import treadle_api.operations as op
from treadle.assistants.assistants import Assistants
from treadle.assistants.inspection import Inspection
from treadle.assistants.request import assistant_value, new_assistant, next_version, with_value
from treadle.assistants.views import assistant_view
from treadle.auth.filters import everything
from treadle.errors import AssistantNotFound, InvalidRequest
from treadle.graphs.assistants import KnownAssistants, no_assistant
from treadle.storage.contract.assistants import AssistantQuery, AssistantRecord, has_entries
from treadle.threads.lifecycle import Threads
from treadle.web.binding import Call
from treadle.web.headers import ignored_header
from treadle.web.replies import Empty, Encoded, Json, Reply
from treadle.web.rights import Rights, changed
from treadle_api import results
from treadle_api.models import AssistantVersionsSearchRequest

MOST_ASSISTANT_BYTES: Final = 1024**2
"""Bytes of the body that makes or changes an assistant."""


class AssistantHandlers:
    """Handlers of the operations below `/assistants`."""

    def __init__(
        self, assistants: Assistants, known: KnownAssistants, inspection: Inspection, threads: Threads
    ) -> None:
        self._assistants = assistants
        self._known = known
        self._inspection = inspection
        self._threads = threads

    async def create_assistant(
        self, call: Call[op.CreateAssistantBody, op.CreateAssistantParameters]
    ) -> Reply[op.CreateAssistantResult]:
        """Answer with the new assistant, or with the one that has its id already if `if_exists` is `do_nothing`."""
        record = new_assistant(call.body, call.document, call.received_at)
        asked = {**assistant_value(record), "if_exists": call.body.if_exists}
        admits = await call.rights.ask("assistants", "create", asked)
        record = with_value(record, asked)
        or_get = admits if call.body.if_exists == "do_nothing" else None
        record = await self._assistants.create(record, or_get=or_get)
        return Json(assistant_view(record), headers=ignored_header(call.unknown))

    async def search_assistants(
        self, call: Call[op.SearchAssistantsBody, op.SearchAssistantsParameters]
    ) -> Reply[op.SearchAssistantsResult]:
        """Answer with a page of the assistants that fit, whole or with some of their keys."""
        body = call.body
        asked = {"limit": body.limit, "offset": body.offset}
        query = await _query(call.rights, body.graph_id, body.name, body.metadata, **asked)
        if body.sort_by:  # otherwise the newest come first, whatever `sort_order` says (recorded)
            query = replace(query, sort_by=body.sort_by, ascending=body.sort_order == "asc")
        page, more = await self._assistants.search(query, limit=body.limit, offset=body.offset)
        views = (assistant_view(record) for record in page)
        selected = [{key: value for key, value in view.items() if _selected(key, body.select)} for view in views]
        headers = _pagination(len(page), body.offset, more=more) | ignored_header(call.unknown)
        return Json(cast(list[results.ListedAssistant], selected), headers=headers)

    async def count_assistants(
        self, call: Call[op.CountAssistantsBody, op.CountAssistantsParameters]
    ) -> Reply[op.CountAssistantsResult]:
        """Answer with the number of assistants that fit."""
        body = call.body
        query = await _query(call.rights, body.graph_id, body.name, body.metadata)
        found = await self._assistants.count(query)
        return Json(found, headers=ignored_header(call.unknown))

    async def get_assistant(
        self, call: Call[op.GetAssistantBody, op.GetAssistantParameters]
    ) -> Reply[op.GetAssistantResult]:
        """Answer with one assistant; by its UUID only (recorded)."""
        return Json(assistant_view(await self._readable(call.rights, call.parameters.assistant_id)))

    async def update_assistant(
        self, call: Call[op.UpdateAssistantBody, op.UpdateAssistantParameters]
    ) -> Reply[op.UpdateAssistantResult]:
        """Answer with the new version of the assistant."""
        assistant_id = call.parameters.assistant_id
        asked = {"metadata": {}, **call.document, "assistant_id": assistant_id}
        admits = await call.rights.ask("assistants", "update", asked)
        document = {key: asked[key] for key in ("config", "context", "metadata") if key in asked}

        def change(before: AssistantRecord) -> AssistantRecord:
            if not admits(before.metadata):
                raise AssistantNotFound(no_assistant(str(assistant_id)))
            return next_version(before, call.body, document, call.received_at)

        record = await self._assistants.change(assistant_id, change)
        return Json(assistant_view(record), headers=ignored_header(call.unknown))

    async def delete_assistant(
        self, call: Call[op.DeleteAssistantBody, op.DeleteAssistantParameters]
    ) -> Reply[op.DeleteAssistantResult]:
        """Forget an assistant and its versions, and its threads if they are to go with it."""
        assistant_id = call.parameters.assistant_id
        await call.rights.check_assistant("delete", await self._assistants.get(assistant_id))
        await self._assistants.check_deletable(assistant_id)
        if call.parameters.delete_threads:  # before the assistant, so that a request that fails can be repeated
            admits = await call.rights.ask("threads", "delete", {"thread_id": None, "run_id": None})
            await self._threads.delete_of_assistant(str(assistant_id), admits)
        await self._assistants.delete(assistant_id)
        return Empty(204)

    async def list_assistant_versions(
        self, call: Call[op.ListAssistantVersionsBody, op.ListAssistantVersionsParameters]
    ) -> Reply[op.ListAssistantVersionsResult]:
        """Answer with a page of the versions, the newest first."""
        body = call.body or AssistantVersionsSearchRequest()
        await self._readable(call.rights, call.parameters.assistant_id)
        versions = await self._assistants.versions(call.parameters.assistant_id)
        fitting = [record for record in versions if has_entries(record.metadata, body.metadata or {})]
        page = fitting[body.offset : body.offset + body.limit]
        return Json([assistant_view(record) for record in page], headers=ignored_header(call.unknown))

    async def set_latest_assistant_version(
        self, call: Call[op.SetLatestAssistantVersionBody, op.SetLatestAssistantVersionParameters]
    ) -> Reply[op.SetLatestAssistantVersionResult]:
        """Answer with the assistant at the version that is the current one from now on."""
        given = None if call.body is None else call.body.version
        version = call.parameters.version if given is None else given
        if version is None:
            raise InvalidRequest("version: name it, in the body or in the query")
        current = await self._assistants.get(call.parameters.assistant_id)
        await call.rights.check_assistant("update", current, {"version": int(version)})
        record = await self._assistants.select(call.parameters.assistant_id, int(version))
        return Json(assistant_view(record), headers=ignored_header(call.unknown))

    async def get_assistant_graph(
        self, call: Call[op.GetAssistantGraphBody, op.GetAssistantGraphParameters]
    ) -> Reply[op.GetAssistantGraphResult]:
        """Answer with nodes and edges; the assistant may be named by its graph, as in runs."""
        assistant = await self._runnable(call.rights, call.parameters.assistant_id)
        return Encoded(await self._inspection.drawing(assistant, call.rights.user, call.parameters.xray))

    async def get_assistant_schemas(
        self, call: Call[op.GetAssistantSchemasBody, op.GetAssistantSchemasParameters]
    ) -> Reply[op.GetAssistantSchemasResult]:
        """Answer with the schemas of input, output, state, config and context."""
        assistant = await self._runnable(call.rights, call.parameters.assistant_id)
        return Json(cast(results.GraphSchema, await self._inspection.schemas(assistant, call.rights.user)))

    async def list_assistant_subgraphs(
        self, call: Call[op.ListAssistantSubgraphsBody, op.ListAssistantSubgraphsParameters]
    ) -> Reply[op.ListAssistantSubgraphsResult]:
        """Answer with the schemas of the subgraphs, by their namespaces."""
        assistant, recurse = await self._runnable(call.rights, call.parameters.assistant_id), call.parameters.recurse
        return Json(await self._inspection.subgraphs(assistant, call.rights.user, None, recurse=recurse))

    async def get_assistant_subgraph(
        self, call: Call[op.GetAssistantSubgraphBody, op.GetAssistantSubgraphParameters]
    ) -> Reply[op.GetAssistantSubgraphResult]:
        """As `list_assistant_subgraphs`, of one namespace."""
        assistant, recurse = await self._runnable(call.rights, call.parameters.assistant_id), call.parameters.recurse
        namespace = call.parameters.namespace
        return Json(await self._inspection.subgraphs(assistant, call.rights.user, namespace, recurse=recurse))

    async def _runnable(self, rights: Rights, assistant_id: UUID | str) -> AssistantRecord:
        """The assistant, if it has a graph; otherwise raises as `KnownAssistants.find`, or as `_readable`."""
        assistant = await self._known.find(str(assistant_id))
        await rights.check_assistant("read", assistant)
        return assistant

    async def _readable(self, rights: Rights, assistant_id: UUID) -> AssistantRecord:
        """The assistant. Raises AssistantNotFound (404) if there is none that the user may see."""
        assistant = await self._assistants.get(assistant_id)
        await rights.check_assistant("read", assistant)
        return assistant


async def _query(
    rights: Rights, graph_id: str | None, name: str | None, metadata: dict[str, Any] | None, **page: int
) -> AssistantQuery:
    """The query for what the user may find; the author's handlers may narrow it."""
    asked = {"graph_id": graph_id, "metadata": dict(metadata or {}), **page}
    admits = await rights.ask("assistants", "search", asked)
    return AssistantQuery(
        graph_id, name, changed(asked, "metadata", dict), admits=None if admits is everything else admits
    )


def _selected(key: str, select: list[Any] | None) -> bool:
    return select is None or key in select


def _pagination(found: int, offset: int, *, more: bool) -> dict[str, str]:
    """With more to come, the total is only one more than was seen, and the next offset is named (recorded)."""
    seen = offset + found
    return (
        {"x-pagination-total": str(seen + 1), "x-pagination-next": str(seen)}
        if more
        else {"x-pagination-total": str(seen)}
    )
