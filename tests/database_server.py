"""A PostgreSQL server that tests start from installed binaries, in a temporary folder, and may kill."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

PATIENCE = 60
"""Seconds in which a server has to answer after its start, and to end when it is told to."""

Certificate: TypeAlias = tuple[bytes, bytes]
"""A certificate with those that signed it, and its key, as PEM."""


def answers(uri: str) -> bool:
    """Whether a PostgreSQL accepts connections there."""
    try:
        import psycopg
    except ImportError:  # the tests of the client alone need no database
        return False
    try:
        psycopg.connect(uri, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


class DatabaseServer:
    """A server at an address that it keeps however often it is killed and started again. Raises OSError without one."""

    def __init__(
        self, host: str = "127.0.0.1", network: str | None = None, certificate: Certificate | None = None
    ) -> None:
        """`network`: the addresses beside this machine's own that may connect. `certificate`: it takes TLS alone."""
        owner = _owner()
        self._binaries = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="treadle-postgresql-"))
        if os.getuid() != owner.pw_uid:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._as_owner: dict[str, Any] = {"cwd": self.folder}
        if os.getuid() == 0:
            self._as_owner |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        making = ["initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        if self._run(making).wait():
            self.remove()
            raise OSError("initdb has failed")
        data = self.folder / "data"
        if network is not None:
            with (data / "pg_hba.conf").open("a") as rules:
                rules.write(f"\nhost all all {network} trust\n")
        self._settings: dict[str, Any] = {
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": 400,
        }
        if certificate is not None:
            (data / "pg_hba.conf").write_text(f"hostssl all all {host}/32 trust\n")
            for name, content in zip(("server.crt", "server.key"), certificate, strict=True):
                (data / name).write_bytes(content)
                (data / name).chmod(0o600)
                os.chown(data / name, owner.pw_uid, owner.pw_gid)
            self._settings["ssl"] = "on"
        with socket.create_server((host, 0)) as free:
            self._port = free.getsockname()[1]
        self._host = host
        self.uri = f"postgresql://postgres@{host}:{self._port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers. Raises OSError."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:  # it refuses while an old child is left
                settings = [f"--{key}={value}" for key, value in self._settings.items()]
                self._process = self._run(
                    ["postgres", "-D", "data", "-h", self._host, "-p", str(self._port), *settings]
                )
            if answers(self.uri):
                return
            time.sleep(0.05)
        raise OSError("PostgreSQL does not answer")

    def kill(self) -> None:
        """`kill -9` of the server: its other processes notice that it is gone, and end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Its processes stand still: connections stay open, and nothing on them is answered."""
        assert self._process is not None
        parents = {path.parent.name: _parent(path) for path in _stats()}
        mine = [int(pid) for pid, parent in parents.items() if parent == str(self._process.pid)]
        for pid in (self._process.pid, *mine):
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in (*mine, self._process.pid):
                os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        """End it, and delete its folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # it ends connections, where SIGTERM has it wait for them
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **self._as_owner}
        return subprocess.Popen([self._binaries / command[0], *command[1:]], stdin=subprocess.DEVNULL, **how)


def _parent(stat: Path) -> str | None:
    """The parent of a process; None if it has ended."""
    try:
        return stat.read_text().rpartition(")")[2].split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return None


def _stats() -> list[Path]:
    """What the system says of each process."""
    return [path for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]


@contextmanager
def a_database_server(
    host: str = "127.0.0.1", network: str | None = None, certificate: Certificate | None = None
) -> Iterator[DatabaseServer]:
    """A server until the block is left."""
    server = DatabaseServer(host, network, certificate)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def installed() -> bool:
    """Whether this machine has what starts a server."""
    try:
        _binaries(), _owner()
    except OSError:
        return False
    return True


def _binaries() -> Path:
    on_path = shutil.which("initdb")
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: float(path.parts[-3]), default=None)
    if on_path is None and newest is None:
        raise OSError("PostgreSQL is not installed")
    return (Path(on_path).resolve() if on_path else newest or Path()).parent


def _owner() -> pwd.struct_passwd:
    """Who the server runs as: root may not run one."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise OSError(f"no user to run PostgreSQL as, for {getpass.getuser()}")
