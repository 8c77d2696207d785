"""Items are there for every process of the file, and after each of them was killed."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import httpx
import pytest
from langgraph.store.base import PutOp

from tests.databases import POSTGRES_PARAM
from tests.durability.clients import client
from tests.durability.place import Place
from tests.live import GRAPHS
from tests.storage.places import places
from treadle.graphs.items import open_items

STORING = GRAPHS.with_name("storing.json")
# Seconds: longer than a busy machine keeps one read waiting.
LIFETIME = 4


def keep(http: httpx.Client, key: str, note: Any) -> Any:
    """What a run that keeps a note has found under its key."""
    body = {"assistant_id": "runtime", "input": {"key": key, "note": note}}
    return http.post("/runs/wait", json=body).json()["found"]


def test_what_a_run_kept_is_there_for_the_next_one_on_another_process_and_after_a_kill(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(STORING) as one, place.serve(STORING) as other, client(one) as first, client(other) as second:
        assert keep(first, "k", 1) == [None]
        assert keep(second, "k", 2) == [1]
        assert keep(first, "k", 3) == [2]
        one.stop(signal.SIGKILL)
        assert keep(second, "k", 4) == [3]
        other.stop(signal.SIGKILL)
    with place.serve(STORING) as server, client(server) as http:
        assert keep(http, "k", 5) == [4]


@pytest.mark.parametrize("kind", ["sqlite", POSTGRES_PARAM])
def test_lifetimes_are_renewed_while_another_process_writes(tmp_path: Path, kind: str) -> None:
    with places(kind, tmp_path / "items.db") as place:
        store, other = (open_items(place, ttl={"refresh_on_read": True}) for _ in range(2))
        # In one step: put one after the other, the first may be over before the last is there.
        store.batch([PutOp(("read",), str(number), {}, ttl=LIFETIME / 60) for number in range(200)])
        over = Event()

        def write() -> None:
            while not over.is_set():
                other.put(("written",), "k", {})

        writing = Thread(target=write)
        writing.start()
        try:
            end = monotonic() + 2 * LIFETIME
            while monotonic() < end:
                assert len(store.search(("read",), limit=1000)) == 200
        finally:
            over.set()
            writing.join()
            store.close()
            other.close()


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """From the first item on, which makes the file."""
    place = Place(tmp_path)
    with place.serve(STORING) as one, place.serve(STORING) as other, client(one) as first, client(other) as second:

        def put(number: int) -> int:
            http = (first, second)[number % 2]
            body = {"namespace": ["n", str(number % 5)], "key": str(number), "value": {"text": "sea", "n": number}}
            return http.put("/store/items", json=body).status_code

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(put, range(300))) == {204}
        for http in (first, second):
            found = http.post("/store/items/search", json={"namespace_prefix": ["n"], "limit": 1000}).json()["items"]
            assert sorted(item["value"]["n"] for item in found) == list(range(300))
            near = http.post("/store/items/search", json={"query": "sea", "limit": 1000}).json()["items"]
            assert {item["score"] for item in near} == {1.0} and len(near) == 300
