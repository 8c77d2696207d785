"""What a wait costs in each layer, and in each thread, without sockets: where the difference to the floor is."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.bench import Bench
from benchmarks.servers import ROOT
from benchmarks.subjects import CPU


def measure(bench: Bench) -> None:
    """All layers in one process, in turn; its log goes to a file, as that of a server does."""
    bench.say(f"layers: {bench.rounds} rounds")
    line = [sys.executable, "-m", "benchmarks.within", str(bench.rounds)]
    with bench.folder.joinpath("layers.log").open("wb") as log:
        found = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, check=True)
    for figure in found.stdout.splitlines():
        layer, thread, microseconds = json.loads(figure)
        bench.add(thread, layer, CPU, microseconds)
