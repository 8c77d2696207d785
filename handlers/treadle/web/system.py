"""Operations about the server itself."""

from __future__ import annotations

from typing import Any

import treadle_api.operations as op
from treadle.errors import ShuttingDown
from treadle.execution.config import Deployment
from treadle.runs.lifecycle import Runs
from treadle.web.addresses import root_path
from treadle.web.binding import Call
from treadle.web.replies import Json, Reply


class SystemHandlers:
    """Handlers of `GET /ok`, `/info` and `/openapi.json`."""

    def __init__(self, runs: Runs, deployment: Deployment, document: dict[str, Any]) -> None:
        self._runs = runs
        self._deployment = deployment
        self._document = document

    async def health_check(
        self, call: Call[op.HealthCheckBody, op.HealthCheckParameters]
    ) -> Reply[op.HealthCheckResult]:
        """Answer that the server is there, and takes runs; with `check_db`, that the store answers as well."""
        if self._runs.closing:
            raise ShuttingDown
        if call.parameters.check_db:
            await self._runs.see_store()
        return Json({"ok": True, "services": {}})

    async def server_info(self, call: Call[op.ServerInfoBody, op.ServerInfoParameters]) -> Reply[op.ServerInfoResult]:
        """Answer with versions and features."""
        tags = {tag for item in self._document["paths"].values() for each in item.values() for tag in each["tags"]}
        unknown = ("project_id", "host_revision_id", "revision_id", "tenant_id")
        host = {"kind": "self-hosted", **dict.fromkeys(unknown)}
        return Json(
            {
                "version": self._deployment.version,
                "langgraph_py_version": self._deployment.langgraph_version,
                "flags": {
                    "assistants": "Assistants" in tags,
                    "crons": "Crons" in tags,
                    "langsmith": False,
                    "langsmith_tracing_replicas": False,
                    "langsmith_tracing_session_on_runs": False,
                },
                "host": host,
                "metadata": host,
            }
        )

    async def openapi_document(
        self, call: Call[op.OpenapiDocumentBody, op.OpenapiDocumentParameters]
    ) -> Reply[op.OpenapiDocumentResult]:
        """Answer with the OpenAPI document of the served operations."""
        root = root_path(call.scope)
        return Json({**self._document, "servers": [{"url": root}]} if root else self._document)
