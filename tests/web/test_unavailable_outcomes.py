"""The outcome of a run that has ended cannot be read: an answer that has begun breaks off, and nothing is made up."""

from __future__ import annotations

import httpx
import pytest

from tests.live import LiveServer
from tests.web.calls import accepted
from treadle.errors import StorageUnavailable


def test_a_wait_breaks_off_and_can_be_asked_again(
    server: LiveServer, http: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def unavailable(*_: object) -> None:
        raise StorageUnavailable("The run store is not available: gone")

    body = {"assistant_id": "simple", "input": {"foo": "a"}, "on_completion": "keep"}
    with monkeypatch.context() as patched:
        patched.setattr(type(server.services.runs), "ended", unavailable)
        with http.stream("POST", "/runs/wait", json=body) as reply:
            assert reply.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                reply.read()
    assert "Exception in ASGI application" not in caplog.text
    assert accepted(http.get(reply.headers["location"])).json()["foo"] == "a"
