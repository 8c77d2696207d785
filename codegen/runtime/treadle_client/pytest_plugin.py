"""A plugin of pytest: `pytest_plugins = ["treadle_client.pytest_plugin"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from treadle_client.testing import CannedServer, canned


@pytest.fixture
def treadle_server() -> Iterator[CannedServer]:
    """A canned server, whose `answers` the test fills in."""
    with canned() as server:
        yield server
