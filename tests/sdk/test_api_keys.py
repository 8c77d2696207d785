"""A server with API keys, and the clients that have one, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.errors import AuthenticationError

from tests.live import LiveServer, serving
from tests.sdk.both_clients import KINDS, client_of
from treadle.keys import keys_in_list
from treadle_client import Treadle, errors

KEY = "the-key"
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


@pytest.mark.parametrize("options", [{"api_key": KEY}, {"headers": {"Authorization": f"Bearer {KEY}"}}], ids=repr)
def test_treadles_own_client_with_a_key(guarded: LiveServer, options: Any) -> None:
    with Treadle(guarded.url, **options) as client:
        assert client.assistants.search()
        assert client.runs.stream("simple", input={"foo": 1}).output() == OUTPUT


def test_treadles_own_client_without_one(guarded: LiveServer) -> None:
    with Treadle(guarded.url) as client:
        with pytest.raises(errors.AuthenticationError, match="x-api-key") as refusal:
            client.assistants.search()
        assert refusal.value.status == 401
        with pytest.raises(errors.AuthenticationError, match="x-api-key"), client.runs.stream("simple"):
            pass
