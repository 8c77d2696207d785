"""The servers that the client has for its users' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.both import KINDS, client_of
from tests.live import EXAMPLES
from treadle_client import NotFoundError, RunFailed, ServiceUnavailableError, Treadle, UnprocessableEntityError
from treadle_client.events import Metadata, Values
from treadle_client.pytest_plugin import treadle_server
from treadle_client.testing import CannedServer, Refusal, served

__all__ = ["treadle_server"]


@pytest.fixture(params=KINDS)
def client(treadle_server: CannedServer, request: pytest.FixtureRequest) -> Iterator[Treadle]:
    """Each client of the canned server."""
    with client_of(request.param, treadle_server.url) as client:
        yield client


def test_a_canned_answer_comes_in_each_way(treadle_server: CannedServer, client: Treadle) -> None:
    treadle_server.answers["triage"] = lambda given: {"decision": given["email"].upper()}
    answer = {"decision": "SPAM"}
    assert client.runs.wait("triage", input={"email": "spam"}, metadata={"a": 1}) == answer
    assert treadle_server.requests == [
        {"assistant_id": "triage", "input": {"email": "spam"}, "metadata": {"a": 1}},
    ]
    run = client.runs.create("triage", input={"email": "spam"})
    assert client.runs.join(run.run_id) == client.runs.get(run.run_id).values == answer
    with client.runs.stream("triage", input={"email": "spam"}) as stream:
        first, last = stream
    assert isinstance(first, Metadata)
    assert first.data.run_id == stream.run_id
    assert last == Values(answer)
    assert list(client.runs.join_stream(run.run_id, last_event_id="1")) == [last]
    assert client.system.health_check().ok


def test_a_canned_failure_is_an_exception(treadle_server: CannedServer, client: Treadle) -> None:
    treadle_server.answers |= {"failing": RunFailed("ValueError", "boom", None), "busy": Refusal(503, "shutting down")}
    with pytest.raises(RunFailed, match="ValueError: boom"):
        client.runs.wait("failing")
    with pytest.raises(RunFailed, match="ValueError: boom"):
        client.runs.stream("failing").output()
    with pytest.raises(ServiceUnavailableError, match="shutting down"):
        client.runs.wait("busy", max_retries=0)
    with pytest.raises(UnprocessableEntityError, match="no graph is called 'other'; there are: failing, busy"):
        client.runs.wait("other")
    with pytest.raises(NotFoundError, match="There is no run"):
        client.runs.get("other")
    with pytest.raises(NotFoundError, match="does not serve /threads"):
        client.threads.create()


def test_a_real_server_with_real_graphs() -> None:
    with served(EXAMPLES) as url, Treadle(url) as client:
        assert client.runs.wait("agent", input={"messages": "Hello"})["messages"]
    with pytest.raises(RuntimeError, match=r"did not start: .*nowhere"), served("nowhere.json"):
        pass
