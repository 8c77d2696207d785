"""The checkpoints of threads cannot be read or written for a while: requests get 503, and later what they ask for."""

from __future__ import annotations

import httpx
import pytest

from tests.live import LiveServer
from tests.web.calls import accepted
from tests.web.keeping import kept, superstep, thread, thread_path, update
from treadle.errors import StorageUnavailable
from treadle.graphs.checkpointers import Saver


def test_requests_get_503_while_checkpoints_are_not_available(
    server: LiveServer, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = kept(http, "simple", {"foo": "a"})
    path = thread_path(run)
    savers = type(server.services.checkpoints.savers)
    here = savers.here

    async def unavailable(self: object) -> Saver:
        raise StorageUnavailable("The database is not available: gone")

    with monkeypatch.context() as patched:
        patched.setattr(savers, "here", unavailable)
        steps = {"supersteps": [superstep(update("simple", {"foo": "b"}))], "metadata": {"graph_id": "simple"}}
        answers = [
            http.get(f"{path}/state"),
            http.get(f"{path}/history"),
            http.post(f"{path}/history", json={}),
            http.post("/threads", json=steps),
            http.delete(path),
        ]
        assert [(each.status_code, "not available" in each.text or "cannot" in each.text) for each in answers] == [
            (503, True)
        ] * len(answers)
    assert savers.here is here
    assert accepted(http.get(f"{path}/state")).json()["values"] == thread(http, run)["values"]
