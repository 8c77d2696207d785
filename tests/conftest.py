"""Fixtures that most tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.live import DEADLINE, LiveServer, serving
from treadle.logs import configure_logs


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """Graphs that are meant to fail would fill the report."""
    configure_logs("critical")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Ctrl-C reaches the processes that tests start: a shell that runs tests in the background has them ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    """Treadle runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """One server with the graphs of tests/graphs, shared by the tests that leave it as it was."""
    with serving() as live:
        yield live


@pytest.fixture
def http(server: LiveServer) -> Iterator[httpx.Client]:
    """A plain HTTP client of the shared server."""
    # Nothing here is TLS, and loading the certificates to verify would take longer than most tests.
    with httpx.Client(base_url=server.url, timeout=DEADLINE, verify=False) as client:
        yield client
