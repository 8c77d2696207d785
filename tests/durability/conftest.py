"""A folder for servers with the store that `TEST_STORE` names: a file, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import POSTGRES_PARAM
from tests.durability.place import Place, a_place
from tests.live import STORE

STORES = [POSTGRES_PARAM if STORE == "postgresql" else "sqlite"]


@pytest.fixture(params=STORES)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A folder for the servers of one test, with a store in which there is nothing yet."""
    with a_place(tmp_path, request.param) as place:
        yield place


@pytest.fixture(scope="module", params=STORES)
def shared_place(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A folder for the servers of the tests of a module."""
    with a_place(tmp_path_factory.mktemp("place"), request.param) as place:
        yield place
