"""Several server processes on one port: a parent that starts them, replaces those that die, and ends them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from treadle.errors import ConfigError
from treadle.graphs.config import read_config
from treadle.logs import configure_logs
from treadle.server import Listener, announce_processes, serve_forever, warn_of
from treadle.settings import Settings

log = structlog.get_logger("treadle")
# Seconds before a process that died is replaced: one that dies at once must not keep the machine busy.
RESTART_PERIOD = 1.0
# Seconds after which a signal is seen at the latest while children end.
SIGNAL_PERIOD = 0.2


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a child has of its parent: the listening socket, and a line that tells each of the other's life."""

    listening: int
    line: int

    def __str__(self) -> str:
        return f"{self.listening},{self.line}"

    @classmethod
    def parse(cls, text: str) -> Inherited:
        """From the command line of a child."""
        listening, line = text.split(",")
        return cls(int(listening), int(line))

    def serve(self, config: Path, host: str, overrides: dict[str, Any], log_level: str) -> None:
        """Serve as a child: say so when ready, and end when the parent has gone."""
        line = socket.socket(fileno=self.line)

        def end_with_parent() -> None:
            with suppress(OSError):  # a parent that was killed has not read that we are ready
                line.recv(1)  # nothing is ever sent: it returns when the other end is closed
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=end_with_parent, daemon=True).start()
        listener = Listener(socket.socket(fileno=self.listening), host, moved=False, shared=True)
        serve_forever(config, listener, overrides, log_level, ready=lambda: line.sendall(b"."))


class _Child:
    def __init__(self, command: list[str], listener: Listener) -> None:
        self.line, theirs = socket.socketpair()
        inherited = Inherited(listener.socket.fileno(), theirs.fileno())
        # In a session of its own: Ctrl-C in a terminal reaches the parent alone, which passes it on.
        self.process = subprocess.Popen(
            [*command, "--inherited", str(inherited)],
            pass_fds=(inherited.listening, inherited.line),
            start_new_session=True,
        )
        theirs.close()

    def is_ready(self) -> bool:
        """Wait until it serves; False if it ends before."""
        return self.line.recv(1) == b"."

    def close(self) -> None:
        self.line.close()


def serve_in_processes(
    config: Path, listener: Listener, overrides: dict[str, Any], log_level: str, workers: int
) -> None:
    """Serve in `workers` processes until a signal ends them. Raises ConfigError before anything is served."""
    configure_logs(log_level)
    graphs_config = read_config(config)
    graphs_config.enter()
    warn_of(graphs_config)
    settings = Settings.from_environment(os.environ, **overrides)
    if not settings.store_can_be_shared:
        raise ConfigError("--workers: processes cannot share memory://; name a file in DATABASE_URI")
    command = [sys.executable, "-P", "-m", "treadle", "serve", str(config), "--host", listener.host]
    command += ["--log-level", log_level]
    for name, value in overrides.items():
        command += [f"--{name.replace('_', '-')}", str(value)] if value is not None else []
    supervisor = _Supervisor(command, listener)
    # The first one starts alone: it makes or upgrades the file, and errors are reported once.
    first = supervisor.start()
    if not first.is_ready():
        code = first.process.wait()
        sys.exit(0 if supervisor.stopping else code)
    others = [supervisor.start() for _ in range(workers - 1)]
    if all(child.is_ready() for child in others):
        announce_processes(graphs_config, settings, listener, workers)
    supervisor.run()


class _Supervisor:
    """Starts children and replaces those that die, until a signal ends them all."""

    def __init__(self, command: list[str], listener: Listener) -> None:
        self._command = command
        self._listener = listener
        self._children: list[_Child] = []
        self.stopping = False
        """Whether a signal has come. Once there is a supervisor, signals are for the children too."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._pass_on)

    def start(self) -> _Child:
        """Start one more child."""
        child = _Child(self._command, self._listener)
        self._children.append(child)
        if self.stopping:  # the signal came while it was started
            child.process.send_signal(signal.SIGTERM)
        return child

    def run(self) -> None:
        """Replace children that die; after a signal, wait until all have ended."""
        while not self.stopping:
            time.sleep(RESTART_PERIOD)
            for child in [child for child in self._children if child.process.poll() is not None]:
                if not self.stopping:
                    log.error("a server process ended; starting another one", exit_code=child.process.returncode)
                    child.close()
                    self._children.remove(child)
                    self.start()
        for child in self._children:
            while child.process.poll() is None:
                # Not without a limit: a signal that comes just before the wait would be seen only after it.
                with suppress(subprocess.TimeoutExpired):
                    child.process.wait(SIGNAL_PERIOD)

    def _pass_on(self, _number: int, frame: object) -> None:
        # Not two of the same: a busy child would see them as one, and wait for its runs.
        number = signal.SIGINT if self.stopping else signal.SIGTERM
        self.stopping = True
        for child in self._children:
            if child.process.poll() is None:
                child.process.send_signal(number)
