"""Several processes of Treadle, on one SQLite file and on PostgreSQL; then what each store alone can take."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.distributed.databases import STORES, a_place
from benchmarks.growth.workers import CONNECTIONS, store_alone
from benchmarks.servers import CONFIG, treadle
from benchmarks.speed.throughput import STREAM, WAIT
from benchmarks.subjects import CPU, PROCESSES_STORE, PROCESSES_STREAM, PROCESSES_WAIT, RATE

PROCESSES = (1, 2, 4)


def measure(bench: Bench) -> None:
    """The stores take turns within each round."""
    for at in PROCESSES:
        for number in range(bench.rounds):
            for store in STORES:
                bench.say(f"{store}, {at} processes, round {number + 1} of {bench.rounds}")
                _requests(bench, store, at)
                with a_place(store, bench.folder) as uri:
                    bench.add(PROCESSES_STORE, store, RATE, store_alone(uri, at, bench.seconds), at)


def _requests(bench: Bench, store: str, at: int) -> None:
    with (
        a_place(store, bench.folder) as address,
        treadle(
            store, "--workers", str(at), uri=address.partition("#")[0], config=CONFIG, **schema_of(address)
        ) as server,
    ):
        for what, request in ((PROCESSES_WAIT, WAIT), (PROCESSES_STREAM, STREAM)):
            amount = bench.amount(server, request, CONNECTIONS)
            volley, cpu = bench.turn(server, request, CONNECTIONS, amount)
            bench.add(what, store, RATE, volley.rate, at)
            bench.add(what, store, CPU, cpu * 1e6, at)


def schema_of(address: str) -> dict[str, str]:
    """The setting that names the schema in an address of the tests."""
    schema = address.partition("#")[2]
    return {"DATABASE_SCHEMA": schema} if schema else {}
