"""A server starts on a file full of runs as on an empty one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.durability.clients import client, create, ended
from tests.durability.place import Place

FINISHED, PENDING = 100_000, 1_000
FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
INSERT INTO runs ({columns})
SELECT {values} FROM numbers, runs WHERE runs.run_id = ?
"""


def fill(place: Place, pattern: str, count: int) -> None:
    """Add copies of a run, with ids of their own."""
    with closing(sqlite3.connect(place.file)) as file:
        columns = [row[1] for row in file.execute("PRAGMA table_info(runs)")]
        values = ["'copy-' || runs.status || n" if name == "run_id" else f'runs."{name}"' for name in columns]
        names = ", ".join(f'"{name}"' for name in columns)
        file.execute(FILL.format(columns=names, values=", ".join(values)), (count, pattern))
        file.commit()


def test_a_server_starts_on_a_file_with_a_hundred_thousand_finished_and_a_thousand_pending_runs(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    with place.serve() as server, client(server) as http:
        finished = ended(http, create(http, place.tale(stream_mode="values")))["run_id"]
        pending = create(http, place.tale(after_seconds=86400))
    fill(place, finished, FINISHED)
    fill(place, pending, PENDING)
    assert place.rows("SELECT count(*) FROM runs")[0][0] >= FINISHED + PENDING
    with place.serve() as server, client(server) as http:
        assert http.get("/ok").status_code == 200
        assert ended(http, create(http, place.tale()))["status"] == "success"
