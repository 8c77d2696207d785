"""A program on a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.processes import environment
from tests.live import DEADLINE

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*3[0-7]m")

# Ctrl-C is a signal for those whose terminal it is.
TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """What a program shows on its terminal, and what is typed there."""

    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self.process = process
        self._end = end
        self.shown = ""
        """All that was written, with its control sequences."""

    @property
    def text(self) -> str:
        """What was written, without its control sequences."""
        return CONTROL.sub("", self.shown)

    def until(self, text: str) -> None:
        """Read until it shows `text`."""
        while text not in self.text:
            assert self._read(), self.text

    def type(self, keys: bytes) -> None:
        """Type `keys`."""
        os.write(self._end, keys)

    def leave(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(DEADLINE)

    def _read(self) -> bool:
        try:
            new = os.read(self._end, 65536)
        except OSError:  # the program has gone, and its end of the terminal is closed
            return False
        self.shown += new.decode(errors="replace")
        return bool(new)


@contextmanager
def on_a_terminal(
    command: list[str], *, cwd: Path | None = None, stdout: int | None = None, **variables: str
) -> Iterator[Terminal]:
    """A program on a terminal of its own, killed when the block is left; its output may go to `stdout` instead."""
    surroundings = {name: value for name, value in environment().items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    end, program = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_THE_TERMINAL, *command],
        env={**surroundings, "TERM": "xterm", "COLUMNS": "100", **variables},
        cwd=cwd,
        stdin=program,
        stdout=program if stdout is None else stdout,
        stderr=program,
        start_new_session=True,
    )
    os.close(program)
    try:
        yield Terminal(process, end)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE)
        os.close(end)
