"""A folder with a store, where servers come and go."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.cli.forked import Child, start
from tests.cli.processes import Serving, environment, serve
from tests.durability.stores import File, Store, a_store
from tests.live import DEADLINE

GRAPHS = Path(__file__).parent / "langgraph.json"
"""The graphs of these tests."""


@dataclass(frozen=True)
class Note:
    """One note of a node."""

    what: str
    run_id: str
    pid: int
    at: float


class Place:
    """A folder in which servers share one store."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        """Without a store, it is a file in the folder."""
        self.folder = folder
        self.file = folder / "runs.db"
        self.store = store or File(self.file)
        self._notes = folder / "notes"

    def settings(self, **variables: str) -> dict[str, str]:
        """The environment of a server here."""
        return {**self.store.settings, "RUN_TTL_SECONDS": "3600", **variables}

    def serve(self, config: Path = GRAPHS, **variables: Any) -> AbstractContextManager[Serving]:
        """`treadle serve` on the store until the block is left."""
        return serve("--port", "0", config=config, **self.settings(**variables))

    def tale(self, *, steps: int = 0, pause: float = 0.0, **fields: Any) -> dict[str, Any]:
        """The request for a run of `telling`, which notes its steps here."""
        given = {"steps": steps, "pause": pause, "notes": str(self._notes)}
        return {"assistant_id": "telling", "input": given, "stream_mode": "custom", "on_completion": "delete", **fields}

    def notes(self, run_id: str | None = None, what: str | None = None) -> list[Note]:
        """The notes of nodes so far: all, or those of one run or of one kind."""
        if not self._notes.exists():
            return []
        lines = self._notes.read_text().splitlines()
        notes = [Note(**json.loads(line)) for line in lines]
        return [note for note in notes if run_id in (None, note.run_id) and what in (None, note.what)]

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement selects."""
        return self.store.rows(statement, *parameters)

    def script(self, statements: str) -> None:
        """Change the store."""
        self.store.script(statements)


@contextmanager
def a_place(folder: Path, kind: str) -> Iterator[Place]:
    """A folder for servers, with a store in which there is nothing yet: `sqlite`, or `postgresql`."""
    with a_store(kind, folder) as store:
        yield Place(folder, store)


@contextmanager
def servers(place: Place, *roles: str, config: Path = GRAPHS, **variables: Any) -> Iterator[list[Serving]]:
    """A server with each of these roles, until the block is left."""
    with ExitStack() as opened:
        yield [opened.enter_context(place.serve(config, ROLE=role, **variables)) for role in roles]


class Member:
    """A server at an address that it keeps however often it is killed and started anew."""

    def __init__(self, place: Place, number: int, **variables: str) -> None:
        self._environment = environment(**place.settings(**variables))
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.log = place.folder / f"server-{number}.log"
        self._process: Child | None = None

    def start(self) -> None:
        """Start it; it does not answer yet."""
        with self.log.open("ab") as log, Path(os.devnull).open("r+b") as nothing:
            files = [nothing.fileno(), nothing.fileno(), log.fileno()]
            self._process = start("serve", GRAPHS, "--port", str(self._port), env=self._environment, files=files)

    def kill(self) -> None:
        """`kill -9`, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE)

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(DEADLINE)

    async def answers(self, http: httpx.AsyncClient) -> bool:
        """Whether it answers."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with suppress(httpx.TransportError):
            return (await http.get(f"{self.url}/ok")).status_code == 200
        return False

    def faults(self) -> list[str]:
        """Lines of its log that should not be there."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if not line.startswith("{") or is_fault(json.loads(line))]


def is_fault(line: dict[str, Any]) -> bool:
    """Whether a line of a log reports a fault."""
    return line.get("level") in ("error", "critical")


def free_port() -> int:
    """A port on which no process listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1]
