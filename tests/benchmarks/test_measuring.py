"""The smallest measurement, for real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import cannon, servers
from benchmarks.bench import Bench
from benchmarks.cannon import Cannon, Request
from benchmarks.figures import Key
from benchmarks.report import tables
from benchmarks.servers import Server
from benchmarks.speed import layers
from benchmarks.speed.throughput import WAIT, Load, compare
from benchmarks.subjects import CPU, LAYERS, P50, P99, RATE


@pytest.fixture(scope="module")
def loaded() -> Iterator[Cannon]:
    """The load generator."""
    if not cannon.is_available():
        pytest.skip("the load generator needs Node")
    try:
        cannon.install()
    except subprocess.CalledProcessError:
        pytest.skip("npm cannot install the load generator")
    with cannon.cannon() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def floor() -> Iterator[Server]:
    """The bare application."""
    with servers.floor() as server:
        yield server


def test_a_bare_application_and_treadle_under_the_same_load(loaded: Cannon, tmp_path: Path) -> None:
    bench = Bench(loaded, tmp_path, rounds=2, seconds=0.1)
    compare(bench, {"waits": Load(WAIT, 1, (servers.floor, servers.memory))}, probe=5)
    expected = {Key("waits", server, each) for server in ("floor", "memory") for each in (RATE, CPU, P50, P99)}
    assert set(bench.figures.values) == expected
    assert all(len(values) == 2 and min(values) >= 0 for values in bench.figures.values.values())


@pytest.mark.parametrize(("connections", "amount"), [(1, 7), (4, 30), (8, 3)])
def test_so_many_requests_are_sent_and_no_more(loaded: Cannon, floor: Server, connections: int, amount: int) -> None:
    volley = loaded.fire(floor.url, Request("/ok"), connections=connections, amount=amount)
    assert volley.count == max(connections, amount)
    assert 0 < volley.p50 <= volley.p99 <= volley.max


def test_an_answer_other_than_200_is_an_error(loaded: Cannon, floor: Server) -> None:
    with pytest.raises(RuntimeError, match="/nothing: 5 refusals and 0 errors"):
        loaded.fire(floor.url, Request("/nothing"), connections=1, amount=5)


def test_the_layers_of_a_run(loaded: Cannon, tmp_path: Path) -> None:
    bench = Bench(loaded, tmp_path, rounds=1, seconds=0.1)
    layers.measure(bench)
    expected = {Key(thread, layer, CPU) for layer, threads in LAYERS.items() for thread in threads}
    assert set(bench.figures.values) == expected
    lines = tables.layers(bench.figures).splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| the graph alone", "the server's thread"],
        ["| the graph, as Treadle calls it", "the server's thread"],
        ["| floor", "the server's thread"],
        ["| Treadle, memory", "the server's thread"],
        ["| Treadle, memory", "the graphs' thread"],
        ["| Treadle, SQLite", "the server's thread"],
        ["| Treadle, SQLite", "the graphs' thread"],
        ["| Treadle, SQLite", "the thread that writes"],
    ]
    assert " | 100% |" in lines[4]
