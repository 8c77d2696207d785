"""The load generator, autocannon, in a Node process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "load"


@dataclass(frozen=True, slots=True)
class Request:
    """What every connection asks for, again and again."""

    path: str
    body: object = None

    def document(self) -> dict[str, object]:
        """Method and body, as autocannon takes them."""
        return {"method": "GET"} if self.body is None else {"method": "POST", "body": json.dumps(self.body)}


@dataclass(frozen=True, slots=True)
class Volley:
    """The answers to the requests of one turn."""

    count: int
    rate: float
    """Answers a second."""
    p50: float
    p99: float
    max: float
    """Durations of a request, in milliseconds."""


class Cannon:
    """Sends requests, a number of them at a time, and waits for the last answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def fire(self, url: str, request: Request, *, connections: int, amount: int) -> Volley:
        """Send `amount` requests over so many connections. Raises RuntimeError if one is not answered with 200."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"url": url + request.path, "connections": connections, "amount": max(amount, connections)}
        self._process.stdin.write(json.dumps(job | request.document()) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator has ended: see its message above")
        seen = json.loads(line)
        if seen["errors"] or seen["refused"] or not seen["count"]:
            raise RuntimeError(f"{request.path}: {seen['refused']} refusals and {seen['errors']} errors")
        return Volley(seen["count"], seen["count"] / seen["took"], seen["p50"], seen["p99"], seen["max"])


def is_available() -> bool:
    """Whether Node and npm are installed."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


def version() -> str:
    """Of autocannon."""
    found: str = json.loads((FOLDER / "package.json").read_text("utf-8"))["dependencies"]["autocannon"]
    return found


def install() -> None:
    """Install its packages, once. Raises CalledProcessError if npm cannot."""
    if not (FOLDER / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)


@contextmanager
def cannon() -> Iterator[Cannon]:
    """Start the load generator. Raises SystemExit without Node."""
    if not is_available():
        raise SystemExit("the load generator needs Node 20 with npm: install it")
    install()
    process = subprocess.Popen(
        ["node", "load.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield Cannon(process)
        finally:
            process.kill()
