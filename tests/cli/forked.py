"""`python -m treadle` in a process that is forked from one which has imported Treadle: that saves more than a second.

Settings that count before the first import, such as PYTHONPATH, have no effect here: their tests start Python itself.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.live import DEADLINE, until

ROOT = Path(__file__).parent.parent.parent
PRELOADED = (
    "langchain_core.language_models.fake_chat_models",
    "treadle.oneshot",
    "treadle.processes",
    "treadle.reloading",
    "treadle.server",
)


class Child:
    """A forked process, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, template: Template) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._template = template

    def poll(self) -> int | None:
        """The exit code, as `Popen.poll` gives it; None while the process runs."""
        if self.returncode is None:
            self.returncode = self._template.exit_code(self.pid)
        return self.returncode

    def wait(self, timeout: float = DEADLINE) -> int:
        """Wait for the exit code."""
        until(lambda: self.poll() is not None, within=timeout)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, if the process still runs."""
        self.send_signal(signal.SIGKILL)


class Template:
    """The process that is forked. It answers each request with a process id, and tells of each process that ends."""

    def __init__(self) -> None:
        self._here, there = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forked", str(there.fileno())], pass_fds=[there.fileno()], cwd=ROOT
        )
        there.close()
        self._lock = threading.Lock()
        self._received = b""
        self._exit_codes: dict[int, int] = {}

    def start(self, request: dict[str, Any], files: Sequence[int]) -> Child:
        """Fork a process that has these files as standard input, output and error."""
        with self._lock:
            socket.send_fds(self._here, [json.dumps(request).encode() + b"\n"], list(files))
            while (pid := self._read().get("pid")) is None:
                pass
        return Child(pid, self)

    def exit_code(self, pid: int) -> int | None:
        """The exit code of a process that has ended."""
        with self._lock:
            while pid not in self._exit_codes and (
                b"\n" in self._received or select.select([self._here], [], [], 0)[0]
            ):
                self._read()
            return self._exit_codes.get(pid)

    def _read(self) -> dict[str, int]:
        while b"\n" not in self._received:
            part = self._here.recv(65536)
            assert part, "the process that is forked has ended"
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        message: dict[str, int] = json.loads(line)
        if "ended" in message:
            self._exit_codes[message["ended"]] = message["code"]
        return message


@cache
def template() -> Template:
    """The one template of this process."""
    return Template()


def start(
    *arguments: str | Path,
    env: Mapping[str, str],
    files: Sequence[int],
    cwd: Path | None = None,
    terminal: bool = False,
) -> Child:
    """Begin `python -m treadle ARGUMENTS`; with `terminal`, standard input is the terminal of a new session."""
    request = {
        "arguments": [str(argument) for argument in arguments],
        "env": dict(env),
        "cwd": str(cwd or Path.cwd()),
        "terminal": terminal,
    }
    return template().start(request, files)


# In the process that is forked.


def _serve(connection: socket.socket) -> None:
    """Fork for each request, until the connection ends."""
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([connection, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_of_the_ended(connection)
        if connection in ready:
            message, files, _, _ = socket.recv_fds(connection, 65536, 3)
            if not message:
                return
            while not message.endswith(b"\n"):
                message += connection.recv(65536)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (connection, woken, wake):
                    each.detach()  # their numbers will be those of other files
                _become(json.loads(message), files)
                return
            for file in files:
                os.close(file)
            connection.sendall(json.dumps({"pid": pid}).encode() + b"\n")


def _tell_of_the_ended(connection: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        connection.sendall(json.dumps({"ended": pid, "code": code}).encode() + b"\n")


def _become(request: dict[str, Any], files: Sequence[int]) -> None:
    """Do the steps of Python's own start, and then run `-m treadle`."""
    if request["terminal"]:
        os.setsid()
    for number, each in enumerate(files):
        os.dup2(each, number)
    os.closerange(3, 1024)
    if request["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0] = request["cwd"]
    sys.argv = ["treadle", *request["arguments"]]
    runpy.run_module("treadle", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in PRELOADED:
        __import__(name)
    assert threading.active_count() == 1, "a process with threads must not be forked"
    gc.freeze()  # else the first collection of each fork copies all memory
    _serve(socket.socket(fileno=int(sys.argv[1])))
