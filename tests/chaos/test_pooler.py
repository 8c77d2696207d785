"""Two processes behind PgBouncer in transaction mode, with a direct connection for what needs one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.processes import check_refusal, treadle
from tests.database_server import answers
from tests.databases import POSTGRES
from tests.durability.clients import client, create, ended, get, ids, joining, numbered, running, streaming
from tests.durability.place import Place, free_port, servers
from tests.live import GRAPHS, until

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed (Debian: pgbouncer)")
STEPS = 20


@contextmanager
def a_pooler(folder: Path) -> Iterator[str]:
    """The address of a pooler before the database of the tests, until the block is left."""
    database, port = urlsplit(POSTGRES or ""), free_port()
    folder.chmod(0o755)
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n"
        f"pooled = host={database.hostname} port={database.port or 5432} dbname={database.path[1:]}"
        f" user={database.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = transaction\ndefault_pool_size = 5\nmax_client_conn = 200\n"
    )
    as_other: dict[str, Any] = {}
    if os.getuid() == 0:  # it does not run as root
        other = pwd.getpwnam("nobody")
        as_other = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
    process = subprocess.Popen(
        [str(PGBOUNCER), config.name],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **as_other,
    )
    try:
        uri = f"postgresql://{database.username}@127.0.0.1:{port}/pooled"
        until(lambda: process.poll() is not None or answers(uri), within=30)
        assert process.poll() is None, "PgBouncer does not start"
        yield uri
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def pooled(place: Place) -> Iterator[dict[str, Any]]:
    """The settings of a server behind a pooler."""
    folder = Path(tempfile.mkdtemp(prefix="treadle-pgbouncer-"))  # that of a test is for its own user alone
    try:
        with a_pooler(folder) as uri:
            yield {"DATABASE_URI": uri, "DATABASE_DIRECT_URI": POSTGRES or ""}
    finally:
        shutil.rmtree(folder)


def test_runs_are_made_followed_joined_and_cancelled(place: Place, pooled: dict[str, Any]) -> None:
    with servers(place, "api", "worker", **pooled) as (api, worker), client(api) as http:
        assert [ended(http, create(http, place.tale(steps=2)))["status"] for _ in range(50)] == ["success"] * 50
        assert http.post("/runs/wait", json=place.tale(steps=2, stream_mode="values")).json()["told"] == 2
        with streaming(http, place.tale(steps=STEPS, pause=0.05, stream_resumable=True)) as (run_id, stream):
            events = stream.rest()
        assert ids(events) == numbered(STEPS + 1)
        with joining(http, run_id, "-1") as replay:
            assert replay.rest() == events
        run_id = create(http, place.tale(steps=STEPS, pause=0.05))
        running(http, run_id)
        assert http.get(f"/runs/{run_id}/join").status_code == 200
        run_id = create(http, place.tale(steps=1, pause=60))
        until(lambda: place.notes(run_id, "started"))
        assert http.post(f"/runs/{run_id}/cancel?wait=true").status_code == 200
        assert get(http, run_id)["status"] == "interrupted"
        run_id = create(http, place.tale(after_seconds=1))
        assert ended(http, run_id)["status"] == "success"
        assert http.delete(f"/runs/{run_id}").status_code == 204
        for each in (api, worker):
            assert not [line for line in each.lines() if line["level"] in ("warning", "error", "critical")]


def test_kept_threads_and_items(place: Place, pooled: dict[str, Any]) -> None:
    with servers(place, "api", "worker", **pooled) as (api, _), client(api) as http:
        body = {"assistant_id": "keeping", "input": {"gate": "/"}, "on_completion": "keep"}
        runs = [ended(http, create(http, body)) for _ in range(5)]
        for run in runs:
            state = http.get(f"/threads/{run['thread_id']}/state").json()
            assert state["values"]["been"] == ["first", "second"]
        item = {"namespace": ["n"], "key": "k", "value": {"a": 1}}
        assert http.put("/store/items", json=item).status_code == 204
        assert http.get("/store/items?namespace=n&key=k").json()["value"] == {"a": 1}


def test_a_pooler_alone_is_refused_at_the_start(place: Place, pooled: dict[str, Any]) -> None:
    refusal = treadle("serve", GRAPHS, "--port", "0", env=place.settings(DATABASE_URI=pooled["DATABASE_URI"]))
    check_refusal(refusal, "a pooler is between; name the database itself in DATABASE_DIRECT_URI")
