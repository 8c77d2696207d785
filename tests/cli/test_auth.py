"""`auth` of `langgraph.json`: what is refused at the start, what the announcement says, and what the log keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import check_refusal, invoke, serve, treadle
from tests.cli.projects import project
from tests.cli.terminals import on_a_terminal
from tests.live import DEADLINE, until

AUTH = """
from langgraph_sdk import Auth
auth, empty, number = Auth(), Auth(), 5

@auth.authenticate
async def authenticate(authorization):
    if authorization == "Bearer bug":
        hidden = "sesame"
        raise LookupError("what is wrong")
    return authorization
"""
FILES = {
    "auth": AUTH,
    "failing": "raise RuntimeError('on import')\n",
    "twice": AUTH + "\nauth.authenticate(authenticate)\n",
    "plain": AUTH + "\n@auth.on\ndef handler(ctx, value): ...\n",
}
SECTIONS: list[tuple[Any, list[str]]] = [
    ("./auth.py:auth", ['"auth" must be an object']),
    ([], ['"auth" must be an object']),
    ({"disable_studio_auth": True}, ["auth.path is missing"]),
    ({"path": None}, ["auth.path is missing"]),
    ({"path": 5}, ["auth.path must be", "5"]),
    ({"path": "./auth.py"}, ["auth.path must be", "./auth.py"]),
    ({"path": "./auth.py:"}, ["auth.path must be", "./auth.py:"]),
    ({"path": ":auth"}, ["auth.path must be", ":auth"]),
    ({"path": "./missing.py:auth"}, ["auth.path (./missing.py:auth)", "no file", "missing.py"]),
    ({"path": "no_such_module:auth"}, ["auth.path (no_such_module:auth)", "no_such_module"]),
    ({"path": "./auth.py:nothing"}, ["auth.path (./auth.py:nothing)", "nothing"]),
    ({"path": "./auth.py:number"}, ["auth.path (./auth.py:number)", "this is of type int, and no langgraph_sdk.Auth"]),
    ({"path": "./auth.py:empty"}, ["auth.path (./auth.py:empty)", "no handler authenticates", "@empty.authenticate"]),
    ({"path": "./failing.py:auth"}, ["auth.path (./failing.py:auth)", "on import"]),
    ({"path": "./twice.py:auth"}, ["auth.path (./twice.py:auth)", "already set"]),
    ({"path": "./plain.py:auth"}, ["auth.path (./plain.py:auth)", "must be an async function"]),
    ({"path": "./auth.py:auth", "openapi": "bearer"}, ["auth.openapi must be an object"]),
    ({"path": "./auth.py:auth", "openapi": {"securitySchemes": []}}, ["auth.openapi.securitySchemes", "an object"]),
    ({"path": "./auth.py:auth", "openapi": {"security": {}}}, ["auth.openapi.security", "a list"]),
]
OPEN = "whoever reaches this address may use the server"


def guarded(folder: Path, section: Any) -> Path:
    """A project with this `auth`; the path of its `langgraph.json`."""
    return project(folder, {"graphs": {"graph": "./graph.py:graph"}, "auth": section}, **FILES)


@pytest.mark.parametrize(("section", "said"), SECTIONS, ids=lambda case: json.dumps(case)[:60])
def test_a_section_that_cannot_be_used_is_one_line(tmp_path: Path, section: Any, said: list[str]) -> None:
    config = guarded(tmp_path, section)
    check_refusal(invoke("run", "graph", "--config", config, "--input", "-", given="{}"), str(config), *said)


@pytest.mark.parametrize("flags", [(), ("--workers", "2"), ("--role", "worker")], ids=lambda flags: " ".join(flags))
def test_a_server_refuses_it_as_well(tmp_path: Path, flags: tuple[str, ...]) -> None:
    config = guarded(tmp_path, {"path": "./auth.py:empty"})
    check_refusal(treadle("serve", config, "--port", "0", *flags), "auth.path", "no handler authenticates")


def test_one_run_without_a_server_has_no_user(tmp_path: Path) -> None:
    config = guarded(tmp_path, {"path": "./auth.py:auth", "disable_studio_auth": True})
    done = invoke("run", "graph", "--config", config, "--input", "-", given="{}")
    assert (done.returncode, done.stderr, json.loads(done.stdout)) == (0, "", {"said": "hello"})


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_announcement_names_the_handlers_and_no_danger(tmp_path: Path, workers: str) -> None:
    config = guarded(tmp_path, {"path": "./auth.py:auth"})
    uri = f"sqlite:///{tmp_path}/runs.db"
    arguments = ("--port", "0", "--host", "0.0.0.0", "--workers", workers)
    with serve(*arguments, config=config, DATABASE_URI=uri) as process:
        lines = process.lines()
        assert [line["auth"] for line in lines if line["event"] == "serving"] == ["./auth.py:auth"]
        assert [line for line in lines if line["level"] == "warning"] == []
        assert httpx.get(f"{process.url}/assistants/{'0' * 32}", timeout=DEADLINE).status_code == 401


def test_without_users_the_announcement_says_null(tmp_path: Path) -> None:
    config = guarded(tmp_path, {})
    with serve("--port", "0", "--host", "0.0.0.0", config=config, DATABASE_URI="memory://") as process:
        lines = process.lines()
    assert [line["auth"] for line in lines if line["event"] == "serving"] == [None]
    [warning] = [line["event"] for line in lines if line["level"] == "warning"]
    assert OPEN in warning


def test_a_terminal_shows_users_and_keys(tmp_path: Path) -> None:
    config = guarded(tmp_path, {"path": "./auth.py:auth"})
    for keys, shown in ((None, "none"), ("ops=sesame", "ops")):
        arguments = ("serve", config, "--port", "0", "--host", "0.0.0.0")
        variables = {} if keys is None else {"TREADLE_API_KEYS": keys}
        with on_a_terminal(*arguments, cwd=tmp_path, stdout=None, **variables) as terminal:
            terminal.until("openapi.json\r\n")
            terminal.type(b"\x03")
            assert terminal.leave() == 0
        assert "  users   ./auth.py:auth\r\n" in terminal.text
        assert f"  keys    {shown}\r\n" in terminal.text
        assert "whoever" not in terminal.text


def test_why_a_handler_fails_is_in_the_log_alone(tmp_path: Path) -> None:
    config = guarded(tmp_path, {"path": "./auth.py:auth"})
    with serve("--port", "0", config=config, DATABASE_URI="memory://") as process:
        headers = {"authorization": "Bearer bug", "x-own": "open sesame"}
        reply = httpx.post(f"{process.url}/threads", json={}, headers=headers, timeout=DEADLINE)
        assert reply.status_code == 500
        assert "what is wrong" not in reply.text
        [line] = until(lambda: [line for line in process.lines() if line["event"] == "request failed"])
    assert "LookupError: what is wrong" in line["exception"]
    assert "auth.py" in line["exception"]
    assert "sesame" not in json.dumps(line).replace('hidden = \\"sesame\\"', "")
