"""Each test of the contract runs on every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.storage.stores import BACKENDS, SHARED, Clock, address, opened
from treadle.storage.contract.store import Storage


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BACKENDS)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store of any kind that has nothing in it."""
    with address(request.param, tmp_path) as uri:
        yield uri


@pytest.fixture
async def storage(anywhere: str, clock: Clock) -> AsyncIterator[Storage]:
    """A store of any kind."""
    async with opened(anywhere, clock) as storage:
        yield storage


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store that several processes may share, and that has nothing in it."""
    with address(request.param, tmp_path) as uri:
        yield uri


@pytest.fixture
async def leased(shared: str, clock: Clock) -> AsyncIterator[Storage]:
    """A store that several processes may share."""
    async with opened(shared, clock) as storage:
        yield storage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test may have a SQLite file."""
    return tmp_path / "runs.db"


@pytest.fixture
async def sqlite(path: Path, clock: Clock) -> AsyncIterator[Storage]:
    """A store in that file."""
    async with opened(f"sqlite:///{path}", clock) as storage:
        yield storage
