"""Servers that are started by another command, such as one that changes their clock or their network."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cli.processes import Serving, command, environment
from tests.durability.place import GRAPHS, Place
from tests.live import DEADLINE


@contextmanager
def started_by(before: Sequence[str], place: Place, name: str, **variables: str) -> Iterator[Serving]:
    """`treadle serve` behind the command `before`, which becomes the server, until the block is left."""
    log = place.folder / f"{name}.log"
    settings = {"BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "1", **place.settings(**variables)}
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*before, *command("serve", GRAPHS, "--port", "0")],
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            cwd=Path(__file__).parent.parent.parent,
        )
    try:
        yield Serving(process, log)
    finally:
        process.kill()
        process.wait(DEADLINE)
