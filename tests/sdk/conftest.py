"""A server of the examples, as a newcomer would start it, and the clients of `langgraph_sdk`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from langgraph_sdk.client import SyncLangGraphClient

from tests.live import EXAMPLES, LiveServer, serving
from tests.sdk.both_clients import KINDS, client_of
from tests.sdk.remote_graphs import RemoteGraphs, remote_graphs


@pytest.fixture(scope="session")
def examples() -> Iterator[LiveServer]:
    """A server of `examples/`."""
    with serving(EXAMPLES) as live:
        yield live


@pytest.fixture(scope="module", params=KINDS)
def sdk(server: LiveServer, request: pytest.FixtureRequest) -> Iterator[SyncLangGraphClient]:
    """Each client of the shared server."""
    with client_of(request.param, server.url, api_key="any-key") as client:
        yield client


@pytest.fixture(params=KINDS)
async def remote(server: LiveServer, request: pytest.FixtureRequest) -> AsyncIterator[RemoteGraphs]:
    """Remote graphs of the shared server, called each way."""
    async with remote_graphs(request.param, server.url) as graphs:
        yield graphs
