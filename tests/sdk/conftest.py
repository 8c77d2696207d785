"""A server of the examples, as a newcomer would start it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import EXAMPLES, LiveServer, serving


@pytest.fixture(scope="session")
def examples() -> Iterator[LiveServer]:
    """A server of `examples/`."""
    with serving(EXAMPLES) as live:
        yield live
