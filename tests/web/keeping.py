"""Kept runs, threads, and their stored checkpoints."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import httpx
import psycopg
from psycopg.sql import SQL, Identifier

from tests.graphs.graphs_under_test import entered
from tests.live import LiveServer, until
from tests.web.calls import Json, accepted, create, ended
from treadle.graphs.checkpointers import MemorySavers, Savers, SqliteSavers
from treadle.graphs.postgres.savers import PostgresSavers


def new_thread(http: httpx.Client, **fields: Any) -> Any:
    """The Thread that `POST /threads` answers with."""
    return accepted(http.post("/threads", json=fields)).json()


def kept(http: httpx.Client, graph: str, given: Any = None, **fields: Any) -> Json:
    """The Run, as it was created, of a kept run that has ended."""
    run: Json = create(http, graph, given, on_completion="keep", **fields)
    ended(http, run["run_id"])
    return run


def slow_run(http: httpx.Client, graph: str = "slow", **fields: Any) -> Json:
    """The Run of a kept run whose node is at work for a minute."""
    starts = entered["slow"]
    run: Json = create(http, graph, {"seconds": 60}, **{"on_completion": "keep", **fields})
    until(lambda: entered["slow"] > starts)
    return run


def thread_path(of: Json) -> str:
    """The path of a thread, or of a run's thread."""
    return f"/threads/{of['thread_id']}"


def run_path(run: Json) -> str:
    """The path of a run under its thread."""
    return f"{thread_path(run)}/runs/{run['run_id']}"


def thread(http: httpx.Client, of: Json) -> Any:
    """The Thread as it is now."""
    return accepted(http.get(thread_path(of))).json()


def state(http: httpx.Client, of: Json, **query: Any) -> Any:
    """The newest ThreadState."""
    return accepted(http.get(f"{thread_path(of)}/state", params=query)).json()


def history(http: httpx.Client, of: Json, **query: Any) -> Any:
    """The states that `GET .../history` answers with."""
    return accepted(http.get(f"{thread_path(of)}/history", params=query)).json()


def searched(http: httpx.Client, of: Json, **body: Any) -> Any:
    """The states that `POST .../history` answers with."""
    return accepted(http.post(f"{thread_path(of)}/history", json=body)).json()


def stored(server: LiveServer, of: Json) -> int:
    """How many checkpoints, writes and values the checkpointer holds of a thread."""
    savers, thread_id = server.services.checkpoints.savers, of["thread_id"]
    if isinstance(savers, SqliteSavers):
        with closing(sqlite3.connect(savers.path)) as file:
            counts = (f"SELECT count(*) FROM {table} WHERE thread_id = ?" for table in ("checkpoints", "writes"))
            return sum(int(file.execute(count, (thread_id,)).fetchone()[0]) for count in counts)
    if not isinstance(savers, MemorySavers):
        return stored_in_postgresql(savers, thread_id)
    saver = savers.saver
    checkpoints = [key for namespace in dict(saver.storage).get(thread_id, {}).values() for key in namespace]
    others = [key for key in [*list(saver.writes), *list(saver.blobs)] if key[0] == thread_id]
    return len(checkpoints) + len(others)


def stored_in_postgresql(savers: Savers, thread_id: str) -> int:
    """How many rows of a thread are in the schema."""
    assert isinstance(savers, PostgresSavers)
    found = 0
    with psycopg.connect(savers.place.uri) as connection:
        for table in ("checkpoints", "checkpoint_writes", "checkpoint_blobs"):
            count = SQL("SELECT count(*) FROM {} WHERE thread_id = %s").format(Identifier(savers.place.name, table))
            found += sum(number for (number,) in connection.execute(count, (thread_id,)))
    return found


def superstep(*updates: Json) -> Json:
    """One step, made of these updates, of a thread that is created with a state."""
    return {"updates": list(updates)}


def update(node: str, values: Any) -> Json:
    """One update, as if the node had written it."""
    return {"as_node": node, "values": values}
