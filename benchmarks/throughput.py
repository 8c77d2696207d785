"""Runs per second and CPU time per run, beside those of the floor: a bare application around the same graph."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.cli.processes import cpu_time, serve
from tests.live import GRAPHS

LOAD = Path(__file__).parent / "load"
ROUNDS = 5
"""How often each server has its turn; the servers take turns."""
SECONDS = 2
SMALL = {"assistant_id": "simple", "input": {"foo": 1}}
MANY = {"assistant_id": "pouring", "input": {"count": 200, "size": 20}, "stream_mode": "custom"}
LOADS: dict[str, tuple[str, dict[str, Any], int]] = {
    "wait, 1 connection": ("/runs/wait", SMALL, 1),
    "wait, 16": ("/runs/wait", SMALL, 16),
    "wait, 64": ("/runs/wait", SMALL, 64),
    "stream, 16": ("/runs/stream", {**SMALL, "stream_mode": "updates"}, 16),
    "stream, 64": ("/runs/stream", {**SMALL, "stream_mode": "updates"}, 64),
    "stream of 200 events, 8": ("/runs/stream", MANY, 8),
}
"""Name -> path, body and number of connections."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a server did in one of its turns."""

    runs_per_second: float
    cpu_per_run: float
    """Seconds of a core, of all threads of the server."""


async def measure(folder: Path) -> list[str]:
    """One line for each load: Treadle's throughput in that of the floor, and the floor's CPU time in Treadle's."""
    if shutil.which("npm") is None:
        return ["left out: the load generator needs Node 20; install it"]
    await asyncio.to_thread(_install)
    with ExitStack() as stack:
        servers = {"floor": stack.enter_context(_floor())}
        for name, uri in (("memory", "memory://"), ("SQLite", f"sqlite:///{folder}/throughput.db")):
            process = stack.enter_context(serve("--port", "0", config=GRAPHS, DATABASE_URI=uri))
            servers[name] = (process.url, process.process.pid)
        lines = [f"{'':26}{'throughput / floor':>28}{'floor / CPU time':>28}{'CPU time of the floor':>26}"]
        for load in LOADS:
            turns = await asyncio.to_thread(_turns, servers, load)
            lines.append(_line(load, turns))
    return lines


def _install() -> None:
    if not (LOAD / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=LOAD, check=True)


def _turns(servers: dict[str, tuple[str, int]], load: str) -> dict[str, list[Turn]]:
    path, body, connections = LOADS[load]
    turns: dict[str, list[Turn]] = {name: [] for name in servers}
    for number in range(ROUNDS + 1):
        for name, (url, pid) in servers.items():
            print(f"\r  {load}: round {number} of {ROUNDS}, {name}      ", end="", file=sys.stderr, flush=True)
            turn = _turn(url + path, body, connections, pid)
            if number:  # the first round warms the servers up
                turns[name].append(turn)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return turns


def _turn(url: str, body: dict[str, Any], connections: int, pid: int) -> Turn:
    before = cpu_time(pid)
    request = ["-m", "POST", "-H", "content-type=application/json", "-b", json.dumps(body)]
    options = ["--json", "-c", str(connections), "-d", str(SECONDS)]
    command = ["node", "node_modules/autocannon/autocannon.js", *options, *request, url]
    done = subprocess.run(command, cwd=LOAD, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    if found["non2xx"] or found["errors"] or not found["2xx"]:
        raise RuntimeError(f"{url}: {found['non2xx']} refusals and {found['errors']} errors")
    return Turn(found["2xx"] / found["duration"], (cpu_time(pid) - before) / found["2xx"])


def _line(load: str, turns: dict[str, list[Turn]]) -> str:
    """Ratios within each round, and of these the median and the two extremes."""
    floor = turns["floor"]
    cells = []
    for measured in ("runs_per_second", "cpu_per_run"):
        for name in ("memory", "SQLite"):
            pairs = zip(turns[name], floor, strict=True)
            ratios = [getattr(own, measured) / getattr(its, measured) for own, its in pairs]
            shares = sorted(ratio if measured == "runs_per_second" else 1 / ratio for ratio in ratios)
            cells.append(f"{median(shares):5.2f} ({shares[0]:.2f}-{shares[-1]:.2f})")
    own = median(turn.cpu_per_run for turn in floor) * 1e6
    return f"{load:26}{cells[0]} {cells[1]}  {cells[2]} {cells[3]}   {own:6.0f} us"


@contextmanager
def _floor() -> Iterator[tuple[str, int]]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.floor"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.kill()
        process.wait()
