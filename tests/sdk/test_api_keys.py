"""A server with API keys, and the clients that have one, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.errors import AuthenticationError

from tests.live import LiveServer, serving
from tests.sdk.both_clients import KINDS, client_of
from treadle.keys import keys_in_list
from treadle_client import AuthenticatedClient, Client
from treadle_client.api.assistants import search_assistants
from treadle_client.bodies import SearchAssistantsBody, StreamRunBody
from treadle_client.models import ErrorResponse
from treadle_client.streams import StreamError, stream_run

KEY = "the-key"
REQUEST = StreamRunBody.from_dict({"assistant_id": "simple", "input": {"foo": 1}, "stream_mode": "values"})
OUTPUT = {"foo": 1, "items": ["a", "b"]}


@pytest.fixture(scope="module")
def guarded() -> Iterator[LiveServer]:
    """A server with one key."""
    with serving(api_keys=keys_in_list("here", f"sdk={KEY}")) as live:
        yield live


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"api_key": KEY}, {"headers": {"authorization": f"Bearer {KEY}"}}])
def test_the_sdk_with_a_key(guarded: LiveServer, kind: str, options: dict[str, object]) -> None:
    with client_of(kind, guarded.url, **options) as client:
        assert client.runs.wait(None, "simple", input={"foo": 1}) == OUTPUT
        parts = list(client.runs.stream(None, "simple", input={"foo": 1}))
        assert (parts[-1].event, parts[-1].data) == ("values", OUTPUT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"api_key": "wrong"}, {"api_key": None}])
def test_the_sdk_without_one(guarded: LiveServer, kind: str, options: dict[str, object]) -> None:
    with client_of(kind, guarded.url, **options) as client:
        with pytest.raises(AuthenticationError, match="key"):
            client.runs.create(None, "simple", input={"foo": 1})
        with pytest.raises(AuthenticationError, match="key"):
            list(client.runs.stream(None, "simple", input={"foo": 1}))


def test_a_remote_graph_with_a_key(guarded: LiveServer) -> None:
    with client_of("sync", guarded.url, api_key=KEY) as client:
        assert RemoteGraph("simple", sync_client=client).invoke({"foo": 1}) == OUTPUT
    with client_of("sync", guarded.url, api_key="wrong") as client, pytest.raises(AuthenticationError, match="key"):
        RemoteGraph("simple", sync_client=client).invoke({"foo": 1})


@pytest.mark.parametrize(("prefix", "header"), [("Bearer", "Authorization"), ("", "x-api-key")])
def test_the_generated_client_with_a_key(guarded: LiveServer, prefix: str, header: str) -> None:
    with AuthenticatedClient(base_url=guarded.url, token=KEY, prefix=prefix, auth_header_name=header) as client:
        assert isinstance(search_assistants.sync(client=client, body=SearchAssistantsBody()), list)
        with stream_run.sync(client, body=REQUEST) as events:
            assert [event.data for event in events][-1] == OUTPUT


def test_the_generated_client_without_one(guarded: LiveServer) -> None:
    with Client(base_url=guarded.url) as client:
        answer = search_assistants.sync(client=client, body=SearchAssistantsBody())
        assert isinstance(answer, ErrorResponse)
        assert "x-api-key" in answer.detail
        with pytest.raises(StreamError, match="x-api-key") as refusal, stream_run.sync(client, body=REQUEST):
            pass
        assert refusal.value.status_code == 401
