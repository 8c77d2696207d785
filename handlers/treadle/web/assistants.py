"""Operations on assistants: create, find, change and delete them, and look at their graphs."""

from __future__ import annotations

from typing import Any, Final, cast

import treadle_api.operations as op
from treadle.assistants.assistants import Assistants
from treadle.assistants.inspection import Inspection
from treadle.assistants.request import new_assistant, next_version
from treadle.assistants.views import assistant_view
from treadle.errors import InvalidRequest
from treadle.graphs.assistants import KnownAssistants
from treadle.storage.contract.assistants import AssistantQuery, has_entries
from treadle.threads.lifecycle import Threads
from treadle.web.binding import Call
from treadle.web.replies import Empty, Encoded, Json, Reply, ignored_header
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
        record = await self._assistants.create(record, or_get=call.body.if_exists == "do_nothing")
        return Json(assistant_view(record), headers=ignored_header(call.unknown))

    async def search_assistants(
        self, call: Call[op.SearchAssistantsBody, op.SearchAssistantsParameters]
    ) -> Reply[op.SearchAssistantsResult]:
        """Answer with a page of the assistants that fit, whole or with some of their keys."""
        body = call.body
        query = AssistantQuery(body.graph_id, body.name, body.metadata)
        if body.sort_by:  # otherwise the newest come first, whatever `sort_order` says (recorded)
            query = AssistantQuery(body.graph_id, body.name, body.metadata, body.sort_by, body.sort_order == "asc")
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
        found = await self._assistants.count(AssistantQuery(body.graph_id, body.name, body.metadata))
        return Json(found, headers=ignored_header(call.unknown))

    async def get_assistant(
        self, call: Call[op.GetAssistantBody, op.GetAssistantParameters]
    ) -> Reply[op.GetAssistantResult]:
        """Answer with one assistant; by its UUID only (recorded)."""
        return Json(assistant_view(await self._assistants.get(call.parameters.assistant_id)))

    async def update_assistant(
        self, call: Call[op.UpdateAssistantBody, op.UpdateAssistantParameters]
    ) -> Reply[op.UpdateAssistantResult]:
        """Answer with the new version of the assistant."""
        record = await self._assistants.change(
            call.parameters.assistant_id,
            lambda before: next_version(before, call.body, call.document, call.received_at),
        )
        return Json(assistant_view(record), headers=ignored_header(call.unknown))

    async def delete_assistant(
        self, call: Call[op.DeleteAssistantBody, op.DeleteAssistantParameters]
    ) -> Reply[op.DeleteAssistantResult]:
        """Forget an assistant and its versions, and its threads if they are to go with it."""
        assistant_id = call.parameters.assistant_id
        await self._assistants.check_deletable(assistant_id)
        if call.parameters.delete_threads:  # before the assistant, so that a request that fails can be repeated
            await self._threads.delete_of_assistant(str(assistant_id))
        await self._assistants.delete(assistant_id)
        return Empty(204)

    async def list_assistant_versions(
        self, call: Call[op.ListAssistantVersionsBody, op.ListAssistantVersionsParameters]
    ) -> Reply[op.ListAssistantVersionsResult]:
        """Answer with a page of the versions, the newest first."""
        body = call.body or AssistantVersionsSearchRequest()
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
        record = await self._assistants.select(call.parameters.assistant_id, int(version))
        return Json(assistant_view(record), headers=ignored_header(call.unknown))

    async def get_assistant_graph(
        self, call: Call[op.GetAssistantGraphBody, op.GetAssistantGraphParameters]
    ) -> Reply[op.GetAssistantGraphResult]:
        """Answer with nodes and edges; the assistant may be named by its graph, as in runs."""
        assistant = await self._known.find(call.parameters.assistant_id)
        return Encoded(await self._inspection.drawing(assistant, call.parameters.xray))

    async def get_assistant_schemas(
        self, call: Call[op.GetAssistantSchemasBody, op.GetAssistantSchemasParameters]
    ) -> Reply[op.GetAssistantSchemasResult]:
        """Answer with the schemas of input, output, state, config and context."""
        assistant = await self._assistants.get(call.parameters.assistant_id)
        return Json(cast(results.GraphSchema, await self._inspection.schemas(assistant)))

    async def list_assistant_subgraphs(
        self, call: Call[op.ListAssistantSubgraphsBody, op.ListAssistantSubgraphsParameters]
    ) -> Reply[op.ListAssistantSubgraphsResult]:
        """Answer with the schemas of the subgraphs, by their namespaces."""
        assistant = await self._assistants.get(call.parameters.assistant_id)
        return Json(await self._inspection.subgraphs(assistant, None, recurse=call.parameters.recurse))

    async def get_assistant_subgraph(
        self, call: Call[op.GetAssistantSubgraphBody, op.GetAssistantSubgraphParameters]
    ) -> Reply[op.GetAssistantSubgraphResult]:
        """As `list_assistant_subgraphs`, of one namespace."""
        assistant = await self._assistants.get(call.parameters.assistant_id)
        namespace = call.parameters.namespace
        return Json(await self._inspection.subgraphs(assistant, namespace, recurse=call.parameters.recurse))


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
