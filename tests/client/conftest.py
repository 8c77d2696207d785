"""The client as its users have it: against a real server, with threads and with coroutines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.both import KINDS, client_of
from tests.live import LiveServer
from treadle_client import Treadle


@pytest.fixture(scope="module", params=KINDS)
def client(server: LiveServer, request: pytest.FixtureRequest) -> Iterator[Treadle]:
    """Each client of the shared server."""
    with client_of(request.param, server.url) as client:
        yield client
