"""The servers that are measured, each in processes of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from benchmarks.subjects import TWO_FLOORS, TWO_WORKERS
from tests.cli.processes import Serving, command, cpu_time, environment
from tests.durability.place import free_port
from tests.live import until

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "benchmarks" / "langgraph.json"
PEERS = ROOT / ".venv-peers" / "bin"
"""Where `make bench-peers` installs the official server."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    name: str
    url: str
    pid: int
    """Of the process that was started; it may have started others."""

    def cpu_time(self) -> float:
        """Seconds of a core that its processes have used so far, in all of their threads."""
        return sum(map(cpu_time, _tree(self.pid)))

    def memory(self) -> int:
        """Bytes that its processes have in memory."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _tree(self.pid))
        return pages * os.sysconf("SC_PAGE_SIZE")

    def answers(self) -> bool:
        """Whether it answers."""
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port)
        try:
            connection.request("GET", "/ok")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


Start = Callable[[], AbstractContextManager[Server]]


def _tree(pid: int) -> list[int]:
    """A process, and those that it has started."""
    children = [task.read_text().split() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(each for found in children for child in found for each in _tree(int(child)))]


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="treadle-bench-", ignore_cleanup_errors=True)


def floor() -> AbstractContextManager[Server]:
    """The bare application."""
    return _floor("floor", 1)


def two_floors() -> AbstractContextManager[Server]:
    """Two processes of the bare application on one port: what the machine has for two processes."""
    return _floor(TWO_FLOORS, 2)


@contextmanager
def _floor(name: str, processes: int) -> Iterator[Server]:
    line = [sys.executable, "-m", "benchmarks.floor", str(processes)]
    with _process(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Server(name, process.stdout.readline().decode().strip(), process.pid)


@contextmanager
def treadle(name: str, *arguments: str, uri: str | None = None, config: Path = CONFIG, **env: str) -> Iterator[Server]:
    """`treadle serve`, on a new SQLite file if `uri` names no store."""
    with _folder() as folder:
        log = Path(folder, "log")
        variables = environment(**{"DATABASE_URI": uri or f"sqlite:///{folder}/runs.db", **env})
        line = command("serve", config, "--port", "0", *arguments)
        with log.open("wb") as stderr, _process(line, env=variables, stderr=stderr) as process:
            yield Server(name, Serving(process, log).url, process.pid)


def memory() -> AbstractContextManager[Server]:
    """Treadle with its runs in memory."""
    return treadle("memory", uri="memory://")


def sqlite() -> AbstractContextManager[Server]:
    """Treadle as it comes: its runs in an SQLite file."""
    return treadle("SQLite")


def two_workers() -> AbstractContextManager[Server]:
    """Two processes of Treadle on one port and one SQLite file."""
    return treadle(TWO_WORKERS, "--workers", "2")


@contextmanager
def official() -> Iterator[Server]:
    """The official development server, with as many runs at once as Treadle has."""
    port = free_port()
    options = ["--no-browser", "--no-reload", "--n-jobs-per-worker", "100", "--port", str(port)]
    path = f"{PEERS}{os.pathsep}{os.environ['PATH']}"
    with _folder() as folder, Path(folder, "log").open("wb") as log:
        for file in (CONFIG, CONFIG.with_name("graphs.py")):  # it keeps its runs where it starts
            shutil.copy(file, folder)
        env = environment(PATH=path, PYTHONPATH=str(ROOT), LANGGRAPH_CLI_NO_ANALYTICS="1")
        line = [str(PEERS / "langgraph"), "dev", *options]
        with _process(line, cwd=Path(folder), env=env, stdout=log, stderr=log) as process:
            server = Server("official", f"http://127.0.0.1:{port}", process.pid)
            until(lambda: server.answers() or process.poll() is not None)
            assert server.answers(), "the server has ended"
            yield server


def official_version() -> str:
    """Of the official server that `make bench-peers` installed."""
    show = "import importlib.metadata as m; print(m.version('langgraph-api'))"
    return subprocess.run([PEERS / "python", "-c", show], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def _process(
    line: Sequence[str],
    *,
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(line, cwd=cwd, env=env, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                for pid in _tree(process.pid):  # at once: what a server does at its end is not measured
                    os.kill(pid, signal.SIGKILL)
