"""One generation of the project's own scope, and one of the whole contract, for the tests of all processes."""

from __future__ import annotations

import fcntl
import os
import pickle
from pathlib import Path
from typing import Any

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
    return made(shared_folder(tmp_path_factory) / "project")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What the contract gives with every operation in scope."""
    return made(shared_folder(tmp_path_factory) / "whole", scope=whole_scope())


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made(folder: Path, **parts: Any) -> Made:
    """Generate in `folder`, or wait until another process has done so."""
    workshop = Workshop(folder)
    output = folder / "output.pickle"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not output.exists():
            folder.mkdir()
            output.write_bytes(pickle.dumps(workshop.generate(**parts)))
        return workshop, pickle.loads(output.read_bytes())
