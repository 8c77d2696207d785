"""API keys of a server in its own processes: its warnings at the start, and changes of the key file."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Serving, check_refusal, serve, treadle
from tests.live import DEADLINE, GRAPHS, until

OPEN = "whoever reaches this address may use the server"


def warned(process: Serving) -> list[str]:
    """The server's warnings so far."""
    return [line["event"] for line in process.lines() if line["level"] == "warning"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_who_listens_to_this_machine_needs_no_keys(host: str) -> None:
    with serve("--port", "0", "--host", host, DATABASE_URI="memory://") as process:
        assert warned(process) == []


def test_who_listens_beyond_it_is_told_once_and_what_to_do() -> None:
    with serve("--port", "0", "--host", "0.0.0.0", "--workers", "2") as process:
        [line] = warned(process)
        assert OPEN in line
        assert "TREADLE_API_KEYS" in line


def test_with_keys_there_is_nothing_to_say() -> None:
    with serve("--port", "0", "--host", "0.0.0.0", TREADLE_API_KEYS="ana=secret") as process:
        assert warned(process) == []
        assert httpx.get(f"{process.url}/info", timeout=DEADLINE).status_code == 401
        assert httpx.get(f"{process.url}/info", headers={"x-api-key": "secret"}, timeout=DEADLINE).status_code == 200
        assert "secret" not in str(process.lines())


def test_every_process_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("ana=one\nben=two\n")

    def status(key: str) -> set[int]:
        """The statuses of 20 connections, which reach either process."""
        return {
            httpx.get(f"{process.url}/info", headers={"x-api-key": key}, timeout=DEADLINE).status_code
            for _ in range(20)
        }

    with serve("--port", "0", "--workers", "2", TREADLE_API_KEYS_FILE=str(file)) as process:
        assert (status("one"), status("two")) == ({200}, {200})
        file.write_text("ben=two\n")
        assert (status("one"), status("two")) == ({401}, {200})
        file.unlink()
        assert status("two") == {401}
        lines = until(lambda: [line for line in process.lines() if line.get("file") == str(file) and "error" in line])
        assert "No such file" in lines[0]["error"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("TREADLE_API_KEYS", "sesame", "name=key"),
        ("TREADLE_API_KEYS_FILE", "sesame\n", "line 1"),
        ("TREADLE_API_KEYS_FILE", "# nobody\n", "has no keys"),
        ("TREADLE_API_KEYS_FILE", None, "No such file"),
    ],
)
def test_keys_that_cannot_be_used(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    value = text or ""
    if name.endswith("FILE"):
        value = str(tmp_path / "keys")
        if text is not None:
            Path(value).write_text(text)
    refusal = treadle("serve", GRAPHS, "--port", "0", env={name: value, "DATABASE_URI": "memory://"})
    check_refusal(refusal, name, said)
    assert "sesame" not in refusal.stderr
