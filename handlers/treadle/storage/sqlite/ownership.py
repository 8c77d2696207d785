"""Which processes have the file open: a lock that the operating system releases at the end of its process."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO

from treadle.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows: other processes are not detected, and leases have to expire
    fcntl = None  # type: ignore[assignment]


class Ownership:
    """This process's lock on a file. If it is `alone`, other processes wait until `share`; it lasts until `release`."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] | None = None
        self.alone = False
        """Whether no other process had the file open when this one came."""
        self.others = False
        """Whether another process had; that is not known on Windows."""
        if fcntl is None:
            return
        lock = path.with_name(path.name + ".lock")
        try:
            self._file = lock.open("ab")
        except OSError as error:
            raise ConfigError(f"{lock}: cannot be opened: {error.strerror}; see that it may be written") from None
        with suppress(BlockingIOError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.alone = True
        self.others = not self.alone

    def share(self) -> None:
        """Let others in; waits for one that is alone at the moment."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Leave."""
        if self._file is not None:
            self._file.close()
