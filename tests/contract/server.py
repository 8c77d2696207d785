"""The server under test: `treadle serve` in a process of its own, cut off from everything outside this machine."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.contract.inputs import write_config
from tests.databases import MISSING, POSTGRES, a_schema

ROOT = Path(__file__).parent.parent.parent
STORE = "FUZZED_STORE"
"""The variable that says which of STORES the server has."""
STORES = ("memory", "sqlite", "postgresql")
START_SECONDS = 60.0
STOP_SECONDS = 15.0
# Nothing listens on the discard port: a request that tries to leave the machine fails at once.
NOWHERE = "http://127.0.0.1:9"
# The server under test requires this key. Every operation is also called without it, and has to refuse.
API_KEY = {"x-api-key": "the-key-of-the-fuzzer"}

PLANTED = "x-planted"
"""The header that names a bug for one request to a server with planted bugs (planted.py)."""


class Server:
    """A running server: its URL and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.log = log
        self.url = ""
        self.faults: list[str] = []
        self._process = process
        self._started: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="server-log", daemon=True)

    def start(self) -> None:
        """Return when it serves. Raises RuntimeError with the end of its log when it does not."""
        self._reader.start()
        try:
            url = self._started.get(timeout=START_SECONDS)
        except queue.Empty:
            url = None
        if url is None:
            raise RuntimeError(f"the server did not start; {self.log} ends with:\n{self.log.read_text()[-2000:]}")
        self.url = url

    def get(self, path: str) -> Any:
        """A JSON document of the server's."""
        with urlopen(Request(self.url + path, headers=API_KEY), timeout=10) as response:
            return json.load(response)

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        try:
            return self._process.poll() is None and self.get("/ok")["ok"] is True
        except OSError:
            return False

    def stop(self) -> None:
        """End this process, by its id, and wait until its log is complete."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_SECONDS)

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self.log.open("wb") as log, self._process.stderr as lines:
            for line in lines:
                log.write(line)
                log.flush()
                entry = _entry(line)
                if entry.get("event") == "serving":
                    self._started.put(entry["url"])
                elif is_fault(entry):
                    self.faults.append(f"{entry.get('logger')}: {entry.get('event')}")
        self._started.put(None)


def is_fault(entry: Mapping[str, Any]) -> bool:
    """Whether a line of the log reports a failure of the server, not one of a graph."""
    return entry.get("level") in ("error", "critical") and entry.get("logger") != "treadle.runs"


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        # Not structured: a traceback past the logs, or a warning of a library.
        return {"level": "error" if b"Traceback" in line else "info", "logger": "stderr", "event": line.decode()}
    return entry if isinstance(entry, dict) else {}


@contextmanager
def serving(
    log: Path, *, module: str = "treadle", store: str = "memory", steered: bool = True, **environment: str
) -> Iterator[Server]:
    """Serve the graphs of inputs.py on a free port; `module` runs in the place of `treadle`.

    `store` is one of STORES. A variable of `environment` that is empty is not set.
    """
    config = write_config(log.parent.resolve(), steered=steered)
    with _empty(store) as place:
        variables = {name: value for name, value in (_environment() | place | environment).items() if value}
        command = [sys.executable, "-m", module, "serve", str(config), "--port", "0"]
        with _answering(command, log, variables) as server:
            yield server


@contextmanager
def _empty(store: str) -> Iterator[dict[str, str]]:
    """The settings of a store that has nothing in it. Raises SystemExit without PostgreSQL."""
    if store != "postgresql":
        yield {"DATABASE_URI": "memory://" if store == "memory" else "sqlite:///runs.db"}
    elif POSTGRES is None:
        raise SystemExit(f"{MISSING}: start one, or name one")
    else:
        with a_schema() as schema:
            yield {"DATABASE_URI": POSTGRES, "DATABASE_SCHEMA": schema}


@contextmanager
def _answering(command: Sequence[str], log: Path, variables: Mapping[str, str]) -> Iterator[Server]:
    process = subprocess.Popen(
        command, cwd=log.parent, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    server = Server(process, log)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _environment() -> dict[str, str]:
    """No keys, tracing, chat models or settings of the caller; only loopback is reachable."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return kept | {
        # This checkout's server, whichever the interpreter has installed.
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "handlers", ROOT / "generated"))),
        "LANGSMITH_TRACING": "false",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "ALL_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1",
        "TREADLE_API_KEYS": f"fuzzer={API_KEY['x-api-key']}",
        "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "1",
        "WEBHOOK_MAX_ATTEMPTS": "2",
        # Longer than the fuzzer waits: with heartbeats, a run that never ends would keep the fuzzer waiting for ever.
        "HEARTBEAT_SECONDS": "60",
    }
