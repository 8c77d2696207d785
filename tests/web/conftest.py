"""Fixtures of the tests about webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LiveServer, serving
from tests.web.hook_receiver import HOOKED, OLD_SECRET, SECRET, HookReceiver, receiving


@pytest.fixture(scope="module")
def hooked() -> Iterator[LiveServer]:
    """A server that may call this machine."""
    with serving(HOOKED, webhook_secret=f"{SECRET} {OLD_SECRET}", webhook_timeout=3.0, run_timeout=5.0) as live:
        yield live


@pytest.fixture
def receiver() -> Iterator[HookReceiver]:
    with receiving() as started:
        yield started
