"""A folder for servers that share a schema of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import POSTGRES_PARAM
from tests.durability.place import Place, a_place


@pytest.fixture(params=[POSTGRES_PARAM])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A folder for the servers of one test, with a schema in which there is nothing yet."""
    with a_place(tmp_path, request.param) as place:
        yield place
