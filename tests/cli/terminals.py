"""Treadle on a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.forked import Child, start
from tests.cli.processes import environment
from tests.live import DEADLINE

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*3[0-7]m")


class Terminal:
    """A program's terminal: the text that it shows, and typed keys."""

    def __init__(self, process: Child, end: int) -> None:
        self.process = process
        self._end = end
        self.shown = ""
        """All that was written, with its control sequences."""

    @property
    def text(self) -> str:
        """All that was written, without its control sequences."""
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
    *arguments: str | Path, cwd: Path | None = None, stdout: int | None = None, **variables: str
) -> Iterator[Terminal]:
    """`treadle ARGUMENTS` on a terminal, killed when the block is left; its output may go to `stdout` instead."""
    surroundings = {name: value for name, value in environment().items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    end, program = pty.openpty()
    process = start(
        *arguments,
        env={**surroundings, "TERM": "xterm", "COLUMNS": "100", **variables},
        cwd=cwd,
        files=[program, program if stdout is None else stdout, program],
        terminal=True,  # Ctrl-C signals the processes of this terminal
    )
    os.close(program)
    try:
        yield Terminal(process, end)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE)
        os.close(end)
