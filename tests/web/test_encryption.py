"""What is stored is encrypted: nothing of it can be read in the files, and clients see everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live import serving
from tests.web.calls import accepted, create, detail, ended, wait
from tests.web.guarding import loaded
from tests.web.hook_receiver import receiving
from tests.web.storing import get, keys, put, search
from tests.web.vaults import (
    SECRET,
    encrypted_project,
    everything,
    instead,
    of_tenant,
    places,
    vault,
    without,
)

HANDLERS = ("encrypt.json", "encrypt.blob", "decrypt.json", "decrypt.blob")


@pytest.mark.parametrize("settings", [{}, {"isolated_loops": True}], ids=["", "isolated loops"])
def test_no_file_has_what_clients_see(tmp_path: Path, settings: dict[str, bool]) -> None:
    with receiving() as hooks:
        with vault(tmp_path, **settings) as http:
            told = list(everything(http, hooks))
            assert [(part, read()) for part, read in told] == [(part, part) for part, _ in told]
            assert len({part for part, _ in told}) == 16
            assert places(tmp_path, SECRET) == []  # with the log that is written ahead
            assert "runs.db-wal" in [path.name for path in tmp_path.iterdir()]
        assert places(tmp_path, SECRET) == []


def test_memory_behaves_alike(tmp_path: Path) -> None:
    with receiving() as hooks, vault(tmp_path, database_uri="memory://") as http:
        told = list(everything(http, hooks))
        assert [(part, read()) for part, read in told] == [(part, part) for part, _ in told]


def test_data_from_before_is_read_and_that_from_after_is_encrypted(tmp_path: Path) -> None:
    config = encrypted_project(tmp_path, None)
    files = tmp_path / "files"
    with serving(config, database_uri=f"sqlite:///{files}/runs.db") as live, live.client() as http:
        run = create(http, "agent", {"text": f"{SECRET} before", "ask": True}, on_completion="keep")
        before = ended(http, run["run_id"])
        given = before.pop("kwargs")["input"]
        put(http, ["things"], "item", {"text": f"{SECRET} before"})
        made = accepted(http.post("/assistants", json={"graph_id": "agent", "metadata": {"note": "before"}})).json()
        here = f"/threads/{run['thread_id']}"
        kept = [accepted(http.get(f"{here}{what}")).json() for what in ("", "/state", "/history")]
    assert places(files, f"{SECRET} before") == ["checkpoints.db", "items.db", "runs.db"]
    config = encrypted_project(tmp_path)
    with serving(config, database_uri=f"sqlite:///{files}/runs.db") as live, live.client() as http:
        now = detail(http, run["run_id"])
        assert (now.pop("kwargs")["input"], now) == (given, before)  # its config names the address of the server
        assert [accepted(http.get(f"{here}{what}")).json() for what in ("", "/state", "/history")] == kept
        assert get(http, ["things"], "item")["value"] == {"text": f"{SECRET} before"}
        assistant = f"/assistants/{made['assistant_id']}"
        accepted(http.patch(assistant, json={"metadata": {"more": f"{SECRET} after"}}))
        assert accepted(http.get(assistant)).json()["metadata"] == {"note": "before", "more": f"{SECRET} after"}
        versions = accepted(http.post(f"{assistant}/versions", json={})).json()
        assert [version["metadata"].get("more") for version in versions] == [f"{SECRET} after", None]
        wait(http, "agent", {"text": f"{SECRET} after"}, on_completion="keep")
        assert places(files, f"{SECRET} after") == []


def test_each_handler_gets_model_and_field_and_context(tmp_path: Path) -> None:
    config = encrypted_project(tmp_path)
    with receiving() as hooks:
        with serving(config, database_uri=f"sqlite:///{tmp_path}/files/runs.db") as live, live.client() as http:
            http.headers.update(of_tenant("ana"))
            told = list(everything(http, hooks))
            del http.headers["X-Encryption-Context"]  # who reads need not send it
            assert [(part, read()) for part, read in told] == [(part, part) for part, _ in told]
        module = loaded(tmp_path / "encryption.py")
    assert {tuple(call[3].items()) for call in module.calls} == {(("tenant", "ana"),)}
    seen = {(verb.partition(".")[2], model, field) for verb, model, field, _ in module.calls}
    assert seen == {
        *(("json", "assistant", field) for field in ("config", "context", "metadata")),
        *(("json", "run", field) for field in ("metadata", "kwargs")),
        *(("json", "thread", field) for field in ("metadata", "config", "graph_config", "values")),
        ("json", "checkpoint", "metadata"),
        ("json", "store", "value"),
        *(("blob", "run", field) for field in ("values", "error", "interrupts", "event", "feedback")),
        *(("blob", "run", field) for field in ("webhook", "delivery")),
        *(("blob", "thread", field) for field in ("error", "interrupts")),
        *(("blob", "checkpoint", field) for field in ("values", "writes")),
        ("blob", "feedback", "content"),
    }
    verbs = {(model, field): {verb} for verb, model, field, _ in module.calls}
    assert set(verbs) == {(model, field) for _, model, field in seen}


@pytest.mark.parametrize("kind", ["json", "blob"])
def test_one_kind_of_handlers_encrypts_that_kind(tmp_path: Path, kind: str) -> None:
    other = "blob" if kind == "json" else "json"
    text = without(f"encrypt.{other}", without(f"decrypt.{other}"))
    config = encrypted_project(tmp_path, text)
    with serving(config, database_uri=f"sqlite:///{tmp_path}/files/runs.db") as live, live.client() as http:
        run = create(http, "agent", {"text": SECRET}, metadata={"note": "noted-text"}, on_completion="keep")
        assert ended(http, run["run_id"])["values"]["text"] == SECRET
        assert accepted(http.get(f"/threads/{run['thread_id']}/state")).json()["values"]["text"] == SECRET
        found = places(tmp_path / "files", "noted-text"), "checkpoints.db" in places(tmp_path / "files", SECRET)
    assert found == (([], True) if kind == "json" else (["checkpoints.db", "runs.db"], False))


def test_what_is_not_encrypted_is_found(tmp_path: Path) -> None:
    with vault(tmp_path) as http:
        for topic, note in (("sea", "one"), ("hill", "two")):
            metadata = {"topic": topic, "note": note}
            accepted(http.post("/assistants", json={"graph_id": "agent", "metadata": metadata}))
            put(http, ["things"], note, {"topic": topic, "note": note, "text": f"a {topic}"})
        for wanted, found in (
            ({"topic": "sea"}, ["one"]),
            ({"note": "one"}, []),
            ({"topic": "sea", "note": "one"}, []),
        ):
            assistants = accepted(http.post("/assistants/search", json={"metadata": wanted})).json()
            assert [assistant["metadata"]["note"] for assistant in assistants] == found
            assert accepted(http.post("/assistants/count", json={"metadata": wanted})).json() == len(found)
            assert keys(search(http, namespace_prefix=["things"], filter=wanted)) == found
        # Vectors are made of the text before it is encrypted.
        assert keys(search(http, namespace_prefix=["things"], query="the hill", limit=1)) == ["two"]
        assert keys(search(http, namespace_prefix=["things"], query="water", limit=1)) == ["one"]


def test_the_threads_of_an_assistant_are_found(tmp_path: Path) -> None:
    with vault(tmp_path) as http:
        made = accepted(http.post("/assistants", json={"graph_id": "agent"})).json()
        run = create(http, made["assistant_id"], {"text": "a sea"}, on_completion="keep")
        ended(http, run["run_id"])
        path = f"/assistants/{made['assistant_id']}"
        assert http.delete(path, params={"delete_threads": "true"}).status_code == 204
        assert http.get(f"/threads/{run['thread_id']}").status_code == 404


def test_a_repeated_request_is_known(tmp_path: Path) -> None:
    with vault(tmp_path) as http:
        headers = {"Idempotency-Key": "once"}
        body = {"assistant_id": "agent", "input": {"text": "a sea"}}
        first, second = (accepted(http.post("/runs", json=body, headers=headers)).json() for _ in range(2))
        assert first["run_id"] == second["run_id"]
        assert http.post("/runs", json={**body, "metadata": {"a": 1}}, headers=headers).status_code == 409


def test_a_replacement_is_read_as_well(tmp_path: Path) -> None:
    plain = "bytes(byte ^ 0x5A for byte in data)"
    text = instead("decrypt.blob", f"return DecryptResult({plain}, replacement=data)")
    text = instead(
        "decrypt.json",
        "return DecryptResult({key: json.loads(bytes.fromhex(data[key][4:])) for key in data}, data)",
        text,
    )
    with serving(encrypted_project(tmp_path, text)) as live, live.client() as http:
        run = create(http, "agent", {"text": SECRET}, on_completion="keep")
        assert ended(http, run["run_id"])["values"]["text"] == SECRET
        assert accepted(http.get(f"/threads/{run['thread_id']}/state")).json()["values"]["text"] == SECRET
