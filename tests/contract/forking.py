"""Runs Schemathesis in a process that has imported it already: for small parts, importing it takes most of the time."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "__main__",
        "schemathesis.cli",
        "schemathesis.cli.commands.run.executor",
        "schemathesis.engine.run.unit",
        "schemathesis.specs.openapi.schemas",
        "tests.contract.checks",
    ]
)


def in_a_fork(arguments: list[str], said: Path, limit: float) -> int:
    """As `in_a_process` of fuzzing.py."""
    process = _FORKS.Process(target=_schemathesis, args=(arguments, said))
    process.start()
    process.join(limit)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError
    return process.exitcode


def _schemathesis(arguments: list[str], said: Path) -> None:
    output = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.chdir(said.parent)
    from schemathesis.cli import schemathesis  # of the fork: the process that starts it does without

    sys.exit(schemathesis(arguments))
