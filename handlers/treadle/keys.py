"""API keys: named, kept as digests only, from the environment and from a file that is read again when it changes."""

from __future__ import annotations

import hmac
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import structlog

from treadle.errors import ConfigError

FORM = "write name=key or name=sha256:<64 hexadecimal digits>"
# A file that was written so recently may be written again without another time stamp, in seconds.
UNSETTLED = 1.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
# What an HTTP header carries as it is, but for the separators of a list of keys.
_KEY = re.compile(r"[!-+\--~]+")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
log = structlog.get_logger("treadle.web")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: who it belongs to, and the SHA-256 by which it is known."""

    name: str
    digest: bytes = field(repr=False)


def keys_in_list(source: str, text: str) -> tuple[ApiKey, ...]:
    """The keys of a list, separated by commas or white space. Raises ConfigError naming `source`, and no key."""
    entries = [entry for entry in re.split(r"[,\s]+", text) if entry]
    return tuple(_parsed((f"{source}: entry {number}", entry) for number, entry in enumerate(entries, 1)))


def keys_in_file(source: str, text: str) -> tuple[ApiKey, ...]:
    """The keys of a file: one a line, `#` begins a comment. Raises ConfigError naming the line, and no key."""
    lines = [re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip() for line in text.splitlines()]
    entries = ((f"{source}: line {number}", line) for number, line in enumerate(lines, 1) if line)
    return tuple(_parsed(entries))


def _parsed(entries: Iterable[tuple[str, str]]) -> Iterator[ApiKey]:
    owners: dict[bytes, str] = {}
    for place, entry in entries:
        name, equals, key = entry.partition("=")
        if not equals or not _NAME.fullmatch(name):
            # The entry is not quoted: without a name, it may be the key.
            raise ConfigError(f"{place}: {FORM}, with a name of letters, digits and . _ @ -")
        kind, colon, hexadecimal = key.partition(":")
        hashed = bool(colon) and kind.lower() == "sha256"
        if hashed and not _DIGEST.fullmatch(hexadecimal):
            raise ConfigError(f"{place}, {name}: {FORM}; this one has not 64 hexadecimal digits")
        if hashed and bytes.fromhex(hexadecimal) == sha256(b"").digest():
            raise ConfigError(
                f"{place}, {name}: this is the SHA-256 of nothing; was the variable with the key not set?"
            )
        if not _KEY.fullmatch(key):
            raise ConfigError(f"{place}, {name}: a key is of printable ASCII characters, without spaces and commas")
        digest = bytes.fromhex(hexadecimal) if hashed else sha256(key.encode()).digest()
        # Several keys of one name are fine, while one takes the place of another; a key with two names is rejected.
        if owners.setdefault(digest, name) != name:
            raise ConfigError(f"{place}: {name} and {owners[digest]} have the same key; give each one of its own")
        yield ApiKey(name, digest)


def names_of(keys: Iterable[ApiKey]) -> list[str]:
    """Whose keys they are."""
    return sorted({key.name for key in keys})


class KeyRing:
    """The keys that are valid now. Confined to one event loop."""

    def __init__(self, listed: Sequence[ApiKey], path: Path | None) -> None:
        """The keys `listed`, and those in the file. Raises ConfigError if there are none, or they cannot be read."""
        self._listed = tuple(listed)
        self._path = path
        self._filed: tuple[ApiKey, ...] = ()
        self._seen: tuple[int, int, int] | None = None
        self._fault = ""
        if path is not None:
            self._read(path)
            if self._fault:
                raise ConfigError(f"TREADLE_API_KEYS_FILE: {self._fault}")
        if not self._listed and not self._filed:
            raise ConfigError(f"TREADLE_API_KEYS_FILE: {path} has no keys; {FORM}, one a line")

    def caller(self, presented: Iterable[bytes]) -> str | None:
        """The name of the first valid key among those `presented`; None if there is none.

        How long it takes does not tell how much of a key was right: digests are compared, each with all.
        """
        if self._path is not None:
            self._follow(self._path)
        caller = None
        for candidate in presented:
            digest = sha256(candidate).digest()
            for key in (*self._listed, *self._filed):
                if hmac.compare_digest(digest, key.digest) and caller is None:
                    caller = key.name
        return caller

    def _follow(self, path: Path) -> None:
        """Read the file again if it has changed. If it cannot be read, none of its keys is valid."""
        try:
            signature = _signature(path.stat())
        except OSError:
            signature = None
        if signature is None or self._seen != signature:
            before, known = self._fault, self._filed
            self._read(path)
            if self._fault and self._fault != before:
                log.error("no key of the file is valid until it can be read", file=str(path), error=self._fault)
            elif not self._fault and self._filed != known:
                log.info("the keys of the file were read", file=str(path), names=names_of(self._filed))

    def _read(self, path: Path) -> None:
        self._filed, self._seen, self._fault = (), None, ""
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would take for ever
                self._fault = f"{path} is not a file"
                return
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                text = file.read().decode("utf-8-sig")
            self._filed = keys_in_file(str(path), text)
        except OSError as error:
            self._fault = f"{path} cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            self._fault = f"{path} is not text in UTF-8"
        except ConfigError as error:
            self._fault = str(error)
        else:
            # A second change within the grain of its time stamp would not be seen: until then it is read every time.
            if time.time() - max(status.st_mtime, status.st_ctime) > UNSETTLED:
                self._seen = _signature(status)


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    return max(status.st_mtime_ns, status.st_ctime_ns), status.st_size, status.st_ino
