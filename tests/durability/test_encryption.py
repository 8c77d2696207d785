"""Encrypted runs in several processes, after a kill, with another key, and with a slow vault."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.cli.processes import Serving, check_refusal, treadle
from tests.durability.clients import client, create, ended, get, joining, running, streaming
from tests.durability.place import GRAPHS, Place, spread
from tests.live import until
from tests.web.vaults import SECRET, VAULT, of_tenant, places

XYZZY = "xyzzy-secret"


@contextmanager
def serving(place: Place, **variables: str) -> Iterator[tuple[Serving, httpx.Client]]:
    """A server of the vault, and a client of the tenant `ana`."""
    with place.serve(VAULT, **variables) as server, client(server) as http:
        http.headers.update(of_tenant("ana"))
        yield server, http


def body(gate: Path | None = None, **fields: Any) -> dict[str, Any]:
    """The request for a run that waits at a gate."""
    given = {"text": SECRET, **({"gate": str(gate)} if gate else {})}
    return {"assistant_id": "agent", "input": given, "metadata": {"note": SECRET}, **fields}


def test_a_run_goes_on_after_a_kill_with_the_context_that_is_stored(tmp_path: Path) -> None:
    place, gate = Place(tmp_path), tmp_path / "gate"
    with serving(place) as (server, http):
        assert server.announcement["encryption"] == "./encryption.py:encryption"
        run_id = create(http, body(gate, on_completion="keep", stream_resumable=True))
        thread_id = running(http, run_id)["thread_id"]
        until(lambda: http.get(f"/threads/{thread_id}/state").json()["next"] == ["act"])
        server.stop(signal.SIGKILL)
    assert places(tmp_path, SECRET) == []
    gate.touch()
    with serving(place) as (_, http):
        del http.headers["X-Encryption-Context"]
        run = ended(http, run_id)
        assert (run["status"], run["attempts"], run["values"]["text"]) == ("success", 2, SECRET)
        assert http.get(f"/threads/{thread_id}/state").json()["values"]["text"] == SECRET
        assert http.get(f"/threads/{thread_id}/history").json()[0]["metadata"]["note"] == SECRET
        with joining(http, run_id, after="0") as stream:
            assert SECRET in str(stream.rest())
    assert places(tmp_path, SECRET) == []


@pytest.mark.parametrize("resumable", [True, False], ids=["resumable", "plain"])
def test_one_process_answers_for_the_runs_of_another(tmp_path: Path, resumable: bool) -> None:
    place, gate = Place(tmp_path), tmp_path / "gate"
    with serving(place) as (one, here), serving(place, ROLE="api") as (_, there):
        asked = body(gate, stream_mode=["values", "custom"], stream_resumable=resumable)
        with streaming(there, asked) as (run_id, stream):
            stream.some(3)
            gate.touch()
            events = stream.rest()
        assert ("custom", {"custom": SECRET}) in [(name, data) for name, data, _ in events]
        answers = [get(http, run_id) for http in (here, there)]
        assert [run.pop("kwargs")["input"]["text"] for run in answers] == [SECRET] * 2  # the config names the server
        assert answers[0] == answers[1]
        made = there.post("/assistants", json={"graph_id": "agent", "metadata": {"note": SECRET}}).json()
        patched = [
            threading.Thread(
                target=lambda http, key: http.patch(f"/assistants/{made['assistant_id']}", json={"metadata": {key: 1}}),
                args=(http, f"{name}{number}"),
            )
            for number in range(4)
            for name, http in (("here", here), ("there", there))
        ]
        for thread in patched:
            thread.start()
        for thread in patched:
            thread.join()
        metadata = here.get(f"/assistants/{made['assistant_id']}").json()["metadata"]
        assert metadata == {"note": SECRET} | {f"{name}{n}": 1 for name in ("here", "there") for n in range(4)}
        assert places(tmp_path, SECRET) == []
        assert not [line for line in one.lines() if line["level"] in ("error", "critical")]


def test_a_run_under_another_key_fails_and_the_others_run(tmp_path: Path) -> None:
    place = Place(tmp_path)
    leases = {"LEASE_SECONDS": "1", "BG_JOB_MAX_RETRIES": "2"}
    with serving(place, **leases) as (_, http):
        bad = [create(http, body(after_seconds=1)) for _ in range(3)]
    with serving(place, VAULT_MASTER="another key", **leases) as (server, http):
        good = [create(http, body()) for _ in range(5)]
        assert {ended(http, run_id)["status"] for run_id in good} == {"success"}
        found = until(lambda: {row[0] for row in place.rows("SELECT status FROM runs WHERE error IS NOT NULL")})
        assert found == {"error"}
        until(lambda: len(place.rows("SELECT 1 FROM runs WHERE status = 'error'")) == len(bad))
        assert {http.get(f"/runs/{run_id}").status_code for run_id in bad} == {500}
        assert ended(http, create(http, body()))["status"] == "success"
        assert XYZZY not in str(server.lines())
        assert SECRET not in str(server.lines())
    with serving(place, **leases) as (_, http):  # with the right key again
        assert get(http, bad[0])["error"]["message"].startswith("Data cannot be decrypted: the handler decrypt.json")
        assert get(http, bad[0])["kwargs"]["input"]["text"] == SECRET


def test_a_slow_vault_holds_up_neither_the_server_nor_other_runs(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with serving(place, VAULT_DELAY="0.05", HEARTBEAT_SECONDS="1") as (server, http):
        times: list[float] = []
        over = threading.Event()

        def ask() -> None:
            with client(server) as other:
                while not over.is_set():
                    began = time.monotonic()
                    assert other.get("/ok").status_code == 200
                    times.append(time.monotonic() - began)
                    time.sleep(0.01)

        asking = threading.Thread(target=ask)
        asking.start()
        began = time.monotonic()
        runs = [create(http, body(stream_resumable=True)) for _ in range(20)]
        assert {ended(http, run_id)["status"] for run_id in runs} == {"success"}
        took = time.monotonic() - began
        over.set()
        asking.join()
        # Twenty runs, each of which waits for dozens of calls: one after the other they would take far longer.
        assert took < 20
        assert spread(times)[1] < 0.5
        assert places(tmp_path, SECRET) == []


def test_a_thread_whose_runs_cannot_be_decrypted_goes_when_its_time_is_over(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with serving(place, THREAD_TTL_MINUTES="0.02") as (server, http):
        run_id = create(http, body(on_completion="keep"))
        ended(http, run_id)
        server.stop(signal.SIGKILL)
    with serving(place, VAULT_MASTER="another key") as (server, http):
        until(lambda: place.rows("SELECT 1 FROM threads") == place.rows("SELECT 1 FROM runs") == [])
        assert not [line for line in server.lines() if "threads whose time is over" in line["event"]]


def test_a_server_without_encryption_does_not_open_an_encrypted_file(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with serving(place) as (_, http):
        create(http, body(after_seconds=60))
    refused = treadle("serve", GRAPHS, "--port", "0", env=place.settings())
    check_refusal(refused, "has encrypted data, and the configuration has no encryption; add it, or name another file")
    with serving(place) as (_, http):
        assert create(http, body())


def test_both_sdks_send_the_context_as_a_header(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"input": {"text": SECRET}, "metadata": {"note": SECRET}}

    async def awaited(url: str) -> None:
        async with get_client(url=url, headers=of_tenant("ben")) as sdk:
            events = [part async for part in sdk.runs.stream(None, "agent", **asked)]
            assert events[-1].data["text"] == SECRET
            assistant = await sdk.assistants.create("agent", metadata={"note": SECRET})
            changed = await sdk.assistants.update(assistant["assistant_id"], metadata={"more": SECRET})
            assert changed["metadata"] == {"note": SECRET, "more": SECRET}

    with serving(Place(tmp_path)) as (server, _):
        with get_sync_client(url=server.url, headers=of_tenant("ana")) as sdk:
            done: Any = sdk.runs.wait(None, "agent", **asked)
            assert done["text"] == SECRET
            item = {"text": SECRET, "topic": "a"}
            sdk.store.put_item(["a"], "b", item)
            assert sdk.store.search_items(["a"], filter={"topic": "a"})["items"][0]["value"] == item
        asyncio.run(awaited(server.url))
        assert places(tmp_path, SECRET) == []


def test_the_first_process_with_encryption_does_not_start_beside_others(tmp_path: Path) -> None:
    """They would claim runs that they cannot decrypt."""
    place = Place(tmp_path)
    with place.serve(GRAPHS) as plain, client(plain):
        check_refusal(
            treadle("serve", VAULT, "--port", "0", env=place.settings()), "runs.db", "without encryption; stop it"
        )
    with serving(place), serving(place):
        pass
