"""`python -m tests.cli.confined FILE …` is `treadle …` in a process that notes in FILE, and refuses, every call out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Look-ups of names, and connections; what uvloop does in C is not heard of, so Python's own loop has to do.
CALLS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto")


def confine(notes: Path) -> None:
    """Let nothing out from now on."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CALLS:
            with notes.open("a") as lines:
                lines.write(f"{event} {arguments[-1] if event == 'socket.connect' else arguments}\n")
            raise PermissionError(f"{event} is not allowed here")

    sys.modules["uvloop"] = None  # type: ignore[assignment]
    sys.addaudithook(hear)


if __name__ == "__main__":
    confine(Path(sys.argv.pop(1)))
    from treadle.__main__ import main

    main()
