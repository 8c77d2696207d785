"""Encryption that does not work: requests that are refused, runs that end in error, nothing that is half written."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.live import serving, until
from tests.web.calls import Json, accepted, create, detail, ended, stream, wait
from tests.web.guarding import refusal
from tests.web.storing import get, put
from tests.web.vaults import SECRET, encrypted_project, instead, vault
from treadle.encryption import sealing

XYZZY = "xyzzy-secret"
HEADER = "X-Encryption-Context"
MALFORMED = {
    "no base64": "{}",
    "no padding": "e30",
    "no JSON": base64.b64encode(b"{tenant: ana}").decode(),
    "a list": base64.b64encode(b"[1]").decode(),
    "a text": base64.b64encode(b'"ana"').decode(),
    "no UTF-8": base64.b64encode(b'{"a": "\xff"}').decode(),
    "empty": "",
}
CREATES: dict[str, tuple[str, str, Json]] = {
    "a run": ("POST", "/runs", {"assistant_id": "agent", "input": {"text": SECRET}}),
    "a kept run": ("POST", "/runs", {"assistant_id": "agent", "input": {"text": SECRET}, "on_completion": "keep"}),
    "a wait": ("POST", "/runs/wait", {"assistant_id": "agent", "input": {"text": SECRET}}),
    "a stream": ("POST", "/runs/stream", {"assistant_id": "agent", "input": {"text": SECRET}}),
    "a batch": ("POST", "/runs/batch", [{"assistant_id": "agent", "input": {"text": SECRET}}] * 2),  # type: ignore[dict-item]
    "an assistant": ("POST", "/assistants", {"graph_id": "agent", "metadata": {"note": SECRET}}),
    "a thread": ("POST", "/threads", {"metadata": {"note": SECRET}}),
    "an item": ("PUT", "/store/items", {"namespace": ["a"], "key": "b", "value": {"note": SECRET}}),
}
BROKEN = {
    "raises": ("raise ConnectionError('xyzzy-secret ' + str(data))", "failed with ConnectionError"),
    "exits": ("raise SystemExit('xyzzy-secret')", "failed with SystemExit"),
    "is cancelled": ("import asyncio; raise asyncio.CancelledError", "failed with CancelledError"),
    "adds a key": ("return {**data, 'xyzzy-secret': 1}", "it added or removed keys, and may only change values"),
    "removes keys": ("return {}", "it added or removed keys"),
    "removes keys in place": ("data.clear(); return data", "it added or removed keys"),
    "returns nothing": ("return None", "returned a NoneType"),
    "returns bytes": (
        "return {key: b'xyzzy-secret' for key in data}",
        "returned an object with a value that JSON does not know",
    ),
}


def rows(folder: Path) -> list[int]:
    """The numbers of runs, threads and assistants in a file."""
    tables = ("runs", "threads", "assistants")
    with closing(sqlite3.connect(folder / "runs.db")) as file:
        return [file.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_header_is_refused_by_name(tmp_path: Path, header: str) -> None:
    with vault(tmp_path) as http:
        for method, path, body in CREATES.values():
            answer = http.request(method, path, json=body, headers={HEADER: header})
            assert refusal(answer) == (422, f"{HEADER}: it must be the base64 of a JSON object")
        assert http.get("/ok", headers={HEADER: header}).status_code == 200
        assert rows(tmp_path) == [0, 0, 0]


@pytest.mark.parametrize(("body", "said"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("uri", ["sqlite:///{folder}/files/runs.db", "memory://"], ids=["sqlite", "memory"])
def test_a_handler_that_fails_refuses_what_it_was_to_encrypt(
    tmp_path: Path, body: str, said: str, uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    config = encrypted_project(tmp_path, instead("encrypt.json", body))
    with serving(config, database_uri=uri.format(folder=tmp_path)) as live, live.client() as http:
        for method, path, document in CREATES.values():
            status, text = refusal(http.request(method, path, json=document))
            assert status == 500
            assert text.startswith("Data cannot be encrypted: the handler encrypt.json ")
            assert said in text
            assert SECRET not in text
            assert XYZZY not in text
        assert http.get("/ok").status_code == 200
        if uri.startswith("sqlite"):
            assert rows(tmp_path / "files") == [0, 0, 0]
    logged = "".join(capfd.readouterr())
    assert XYZZY not in logged
    assert SECRET not in logged


@pytest.mark.parametrize("uri", ["sqlite:///{folder}/files/runs.db", "memory://"], ids=["sqlite", "memory"])
def test_a_run_whose_outcome_cannot_be_encrypted_ends_and_says_so(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("treadle.execution.endings", "treadle.encryption.event_rows"):
        monkeypatch.setattr(f"{module}.PATIENCE", 0.1)
    config = encrypted_project(tmp_path, instead("encrypt.blob", "raise ConnectionError('xyzzy-secret')"))
    told = json.loads(sealing.NOT_ENCRYPTED)
    with serving(config, database_uri=uri.format(folder=tmp_path)) as live, live.client() as http:
        assert wait(http, "agent", {"text": SECRET}) == {"__error__": told}
        assert stream(http, "agent", {"text": SECRET})[-1][:2] == ("error", told)
        assert stream(http, "agent", {"text": SECRET}, stream_resumable=True)[-1][:2] == ("error", told)
        run = create(http, "agent", {"text": SECRET}, stream_resumable=True)
        done = ended(http, run["run_id"])
        assert (done["status"], done["error"], done["values"]) == ("error", told, None)
        # Without the handler, the checkpointer fails before.
        kept = ended(http, create(http, "agent", {"text": SECRET}, on_completion="keep")["run_id"])
        assert kept["status"] == "error"
        assert XYZZY not in str(kept)


def test_an_outage_delays_the_end_of_a_run_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    monkeypatch.setenv("VAULT_BROKEN", str(closed))
    with vault(tmp_path) as http:
        gate = tmp_path / "gate"
        run = create(http, "agent", {"text": SECRET, "gate": str(gate)}, stream_resumable=True)
        until(lambda: detail(http, run["run_id"])["status"] == "running")
        closed.write_text("encrypt.blob")
        gate.touch()
        other = refusal(http.post("/runs", json=CREATES["a run"][2], headers={"Idempotency-Key": "a"}))
        assert other == (500, "Data cannot be encrypted: the handler encrypt.blob failed with ConnectionError")
        assert detail(http, run["run_id"])["status"] == "running"
        closed.unlink()
        done = ended(http, run["run_id"])
        assert (done["status"], done["values"]["text"]) == ("success", SECRET)


def test_data_under_another_key_is_an_error_of_its_request_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gate = tmp_path / "gate"
    with vault(tmp_path) as http:
        run = create(http, "agent", {"text": SECRET}, on_completion="keep", stream_resumable=True)
        ended(http, run["run_id"])
        put(http, ["a"], "b", {"text": SECRET})
        made = accepted(http.post("/assistants", json={"graph_id": "agent", "metadata": {"note": SECRET}})).json()
        waiting = create(http, "agent", {"text": SECRET}, after_seconds=1)
    monkeypatch.setenv("VAULT_MASTER", "another master key")
    with vault(tmp_path, attempts=1) as http:
        good = create(http, "agent", {"text": "a sea", "gate": str(gate)})
        here = f"/threads/{run['thread_id']}"
        for path in (f"/runs/{run['run_id']}", f"/runs/{run['run_id']}/join", here, f"{here}/state", f"{here}/history"):
            status, text = refusal(http.get(path))
            assert (status, XYZZY in text) == (500, False)
            assert text.startswith("Data cannot be decrypted: the handler decrypt.")
        assert refusal(http.get("/store/items", params={"namespace": "a", "key": "b"}))[0] == 500
        assert refusal(http.get(f"/assistants/{made['assistant_id']}"))[0] == 500
        assert refusal(http.get(f"/runs/{waiting['run_id']}"))[0] == 500
        gate.touch()
        assert ended(http, good["run_id"])["status"] == "success"
        put(http, ["a"], "c", {"text": "a sea"})
        assert get(http, ["a"], "c")["value"] == {"text": "a sea"}
        with closing(sqlite3.connect(tmp_path / "runs.db")) as file:
            select = "SELECT status, error FROM runs WHERE run_id = ?"
            found = until(
                lambda: row if (row := file.execute(select, (waiting["run_id"],)).fetchone())[0] == "error" else None
            )
        told = json.loads(found[1])
        assert (told["error"], told["message"].partition(": ")[0]) == ("EncryptionFailed", "Data cannot be decrypted")
    assert XYZZY not in "".join(capfd.readouterr())


def test_the_key_of_the_context_is_the_servers_own(tmp_path: Path) -> None:
    with vault(tmp_path) as http:
        mine = {"__encryption_context__": {"tenant": "ben"}}
        for path, body in (
            ("/runs", {"assistant_id": "agent", "metadata": mine}),
            ("/threads", {"metadata": mine}),
            ("/assistants", {"graph_id": "agent", "metadata": mine}),
        ):
            status, text = refusal(http.post(path, json=body))
            assert (status, text) == (422, "metadata: the key __encryption_context__ is the server's own")


def test_a_handler_may_take_its_time_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadle.encryption.handlers.LONGEST", 0.2)
    body = "import asyncio; await asyncio.sleep(60)"
    with serving(encrypted_project(tmp_path, instead("encrypt.json", body))) as live, live.client() as http:
        status, text = refusal(http.post("/runs", json=CREATES["a run"][2]))
        assert status == 500 and "the handler encrypt.json failed with TimeoutError; it has " in text


def test_a_synchronous_call_of_the_store_in_an_async_node_says_what_to_do(tmp_path: Path) -> None:
    tmp_path.joinpath("calling.py").write_text("""
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
async def call(state, runtime: Runtime):
    runtime.store.put(("a",), "b", {"c": 1})
graph = StateGraph(dict).add_node(call).add_edge(START, "call").compile()
""")
    config = encrypted_project(tmp_path)
    document: Any = json.loads(config.read_text())
    document["graphs"]["calling"] = "./calling.py:graph"
    config.write_text(json.dumps(document))
    with serving(config) as live, live.client() as http:
        error = wait(http, "calling", {})["__error__"]
    assert error["error"] == "EncryptionFailed"
    assert "await the async method instead" in error["message"]
