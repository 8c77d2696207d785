"""A file that keeps many finished runs: how long a start and a small run take on it."""

from __future__ import annotations

import shutil

from benchmarks.bench import Bench
from benchmarks.servers import CONFIG, treadle
from benchmarks.speed.start import serving
from benchmarks.speed.throughput import WAIT
from benchmarks.subjects import CPU, FINISHED, P50, P99, START
from tests.durability.clients import client, create, ended
from tests.durability.place import Place
from tests.durability.test_start import fill

PLACES = (0, 1_000, 10_000, 100_000, 1_000_000)
KEPT = 86_400
"""Seconds for which finished runs are kept: longer than all takes."""


def measure(bench: Bench) -> None:
    """A new file for each number of runs."""
    for at in PLACES:
        folder = bench.folder / f"finished-{at}"
        folder.mkdir()
        place = Place(folder)
        uri = place.settings()["DATABASE_URI"]
        bench.say(f"{FINISHED}: {at:,}, filling")
        with place.serve(RUN_TTL_SECONDS=str(KEPT)) as filled, client(filled) as http:
            run = ended(http, create(http, place.tale(stream_mode="values")))["run_id"]
        if at:
            fill(place, run, at)
        for number in range(bench.rounds):
            bench.say(f"{FINISHED}: {at:,}, round {number + 1} of {bench.rounds}")
            bench.add(FINISHED, "SQLite", START, serving(CONFIG, uri=uri, RUN_TTL_SECONDS=str(KEPT)) * 1000, at)
            with treadle("SQLite", uri=uri, RUN_TTL_SECONDS=str(KEPT)) as server:
                volley, cpu = bench.turn(server, WAIT, 1, bench.amount(server, WAIT, 1))
            bench.add(FINISHED, "SQLite", P50, volley.p50, at)
            bench.add(FINISHED, "SQLite", P99, volley.p99, at)
            bench.add(FINISHED, "SQLite", CPU, cpu * 1e6, at)
        shutil.rmtree(folder)
