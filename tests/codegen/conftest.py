"""One generation of the project's own scope, and one of the whole contract, for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.pipeline import Output
from tests.codegen.editions import Workshop, whole_scope

Made = tuple[Workshop, Output]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """An empty folder to generate in."""
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What the project's own inputs give."""
    workshop = Workshop(tmp_path_factory.mktemp("project"))
    return workshop, workshop.generate()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What the contract gives with every operation in scope."""
    workshop = Workshop(tmp_path_factory.mktemp("whole"))
    return workshop, workshop.generate(scope=whole_scope())
