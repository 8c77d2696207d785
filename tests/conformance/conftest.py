"""The server that is examined with one of its own graphs."""

from __future__ import annotations

import httpx
import pytest


@pytest.fixture
def http_url(http: httpx.Client) -> str:
    """The URL of the server that most tests share."""
    return str(http.base_url).rstrip("/")
