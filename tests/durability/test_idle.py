"""An idle server uses little of a core, though it looks for changes that other processes make to its file."""

from __future__ import annotations

import time
from pathlib import Path

from tests.durability.place import Place

SECONDS = 5.0
MOST = 0.05
"""Share of a core: several times the usual (see `benchmarks`), and a small part of that of a loop without a pause."""


def test_idle_servers_on_one_file_use_little_of_a_core(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve() as one, place.serve() as other:
        time.sleep(1)  # the work of the start
        before, start = [one.cpu_time(), other.cpu_time()], time.monotonic()
        time.sleep(SECONDS)
        elapsed = time.monotonic() - start
        shares = [(server.cpu_time() - was) / elapsed for server, was in zip((one, other), before, strict=True)]
    assert max(shares) < MOST, shares
