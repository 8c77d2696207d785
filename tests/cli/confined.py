"""`python -m tests.cli.confined FILE …` runs `treadle …`, refuses each outgoing call, and notes it in FILE."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Look-ups of names, and connections. uvloop works in C and raises no such events, so Python's own loop is used.
CALLS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto")


def confine(notes: Path) -> None:
    """Refuse every outgoing call from now on."""

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
