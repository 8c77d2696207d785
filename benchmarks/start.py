"""How long a server takes to start: on an empty file, and on one with many runs."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from tests.durability.clients import client, create, ended
from tests.durability.place import Place
from tests.durability.test_start import FINISHED, PENDING, fill

TIMES = 5


async def measure(folder: Path) -> list[str]:
    """Each several times: the shortest."""
    place = Place(folder)
    with place.serve() as server, client(server) as http:
        finished = ended(http, create(http, place.tale(stream_mode="values")))["run_id"]
        pending = create(http, place.tale(after_seconds=86400))
    empty = min(_start(place) for _ in range(TIMES))
    fill(place, finished, FINISHED)
    fill(place, pending, PENDING)
    full = min(_start(place) for _ in range(TIMES))
    return [
        f"start on an empty file: {empty:.2f} s",
        f"start on a file with {FINISHED} finished and {PENDING} pending runs: {full:.2f} s",
    ]


def _start(place: Place) -> float:
    """Seconds until `/ok` is answered."""
    began = monotonic()
    with place.serve() as server, client(server) as http:
        assert http.get("/ok").status_code == 200
        return monotonic() - began
