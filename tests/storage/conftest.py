"""Each test of the contract runs on every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.storage.stores import BACKENDS, SHARED, Clock, opened
from treadle.storage.contract.store import Storage


@pytest.fixture
def clock() -> Clock:
    return Clock()


def scheme(uri: str) -> str:
    return uri.partition(":")[0]


@pytest.fixture(params=BACKENDS, ids=scheme)
async def storage(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> AsyncIterator[Storage]:
    """A store of any kind."""
    async with opened(request.param.format(folder=tmp_path), clock) as storage:
        yield storage


@pytest.fixture(params=SHARED, ids=scheme)
async def leased(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> AsyncIterator[Storage]:
    """A store that several processes may share."""
    async with opened(request.param.format(folder=tmp_path), clock) as storage:
        yield storage


@pytest.fixture(params=SHARED, ids=scheme)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that several processes may share, and that has nothing in it."""
    return str(request.param).format(folder=tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test may have a SQLite file."""
    return tmp_path / "runs.db"


@pytest.fixture
async def sqlite(path: Path, clock: Clock) -> AsyncIterator[Storage]:
    """A store in that file."""
    async with opened(f"sqlite:///{path}", clock) as storage:
        yield storage
