"""`python -m treadle` in a process of its own, or its commands in this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.cli.forked import Child, start
from tests.live import DEADLINE, GRAPHS, until
from treadle.cli import cli
from treadle.logs import configure_logs

# The caller's environment must not change the results of these tests.
SETTINGS = [
    "DATABASE_URI",
    "DATABASE_SCHEMA",
    "DATABASE_POOL_SIZE",
    "DATABASE_DIRECT_URI",
    "DATABASE_TIMEOUT_SECONDS",
    "ROLE",
    "BG_JOB_MAX_RETRIES",
    "LEASE_SECONDS",
    "SQLITE_SYNC",
    "N_JOBS_PER_WORKER",
    "BG_JOB_ISOLATED_LOOPS",
    "BG_JOB_TIMEOUT_SECS",
    "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS",
    "HTTP_MAX_REQUEST_BODY_BYTES",
    "RUN_TTL_SECONDS",
    "RUN_RETENTION_BYTES",
    "IDEMPOTENCY_TTL_SECONDS",
    "THREAD_TTL_MINUTES",
    "THREAD_TTL_STRATEGY",
    "RESUMABLE_STREAM_TTL_SECONDS",
    "EVENT_BUFFER_BYTES",
    "HEARTBEAT_SECONDS",
    "WEBHOOK_SECRET",
    "WEBHOOK_MAX_ATTEMPTS",
    "WEBHOOK_TIMEOUT_SECS",
    "TREADLE_PUBLIC_URL",
    "TREADLE_ROOT_PATH",
    "FORWARDED_ALLOW_IPS",
    "TREADLE_SECRET_KEY",
    "FEEDBACK_TTL_SECONDS",
    "CORS_ALLOW_ORIGINS",
    "TREADLE_API_KEYS",
    "TREADLE_API_KEYS_FILE",
    "MAX_QUEUED_RUNS",
    "MAX_ASSISTANTS",
]


def command(*arguments: str | Path) -> list[str]:
    """The command line that runs Treadle with this interpreter."""
    return [sys.executable, "-m", "treadle", *map(str, arguments)]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without Treadle's settings, and with `variables`."""
    return {name: value for name, value in os.environ.items() if name not in SETTINGS} | variables


@dataclass(frozen=True)
class Finished:
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def treadle(
    *arguments: str | Path, given: str = "", env: dict[str, str] | None = None, cwd: Path | None = None
) -> Finished:
    """Run Treadle to its end in a process of its own."""
    with ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(given.encode())
        files[0].seek(0)
        process = start(*arguments, env=environment(**(env or {})), cwd=cwd, files=[file.fileno() for file in files])
        try:
            process.wait()
        finally:
            process.kill()
        for file in files[1:]:
            file.seek(0)
        return Finished(process.wait(), *(file.read().decode() for file in files[1:]))


def treadle_from_scratch(
    *arguments: str | Path, given: str = "", env: dict[str, str] | None = None, cwd: Path | None = None
) -> Finished:
    """As `treadle`, with an interpreter that has imported nothing yet: for settings that affect imports."""
    process = subprocess.run(
        command(*arguments),
        input=given,
        env=environment(**(env or {})),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    return Finished(process.returncode, process.stdout, process.stderr)


def invoke(*arguments: str | Path, given: str = "") -> Finished:
    """Run Treadle to its end in this process, which saves a second; not for `serve`, which might not end."""
    assert arguments[0] != "serve"
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], input=given)
    configure_logs("critical")  # logs leave the output that is gone now
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Finished(result.exit_code, result.stdout, result.stderr)


def cpu_time(pid: int) -> float:
    """Seconds of a core that a process has used so far, in all of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Serving:
    """A `treadle serve` that has said where it listens."""

    def __init__(self, process: subprocess.Popen[bytes] | Child, log: Path) -> None:
        self.process = process
        self._log = log
        self.announcement: dict[str, Any] = until(self._announced)
        self.url: str = self.announcement["url"]

    def lines(self) -> list[dict[str, Any]]:
        """The log so far: one JSON object a line."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def _announced(self) -> dict[str, Any] | None:
        assert self.process.poll() is None, self._log.read_text()
        text = self._log.read_text()
        complete = text[: text.rfind("\n") + 1].splitlines()
        return next((line for line in map(json.loads, complete) if line.get("event") == "serving"), None)

    def cpu_time(self) -> float:
        """Seconds of a core that the process has used so far, in all of its threads."""
        return cpu_time(self.process.pid)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and wait for the exit code."""
        self.process.send_signal(how)
        return self.process.wait(DEADLINE)


@contextmanager
def serve(*arguments: str | Path, config: Path = GRAPHS, **variables: str) -> Iterator[Serving]:
    """`treadle serve` until the block is left."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        settings = {
            "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "1",
            "DATABASE_URI": f"sqlite:///{folder}/runs.db",
            **variables,
        }
        with log.open("wb") as stderr, Path(os.devnull).open("r+b") as nothing:
            files = [nothing.fileno(), nothing.fileno(), stderr.fileno()]
            process = start("serve", config, *arguments, env=environment(**settings), files=files)
        try:
            yield Serving(process, log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(DEADLINE)


def check_refusal(refusal: Finished, *said: str) -> None:
    """Check for exit code 2, and one line that has each text in `said`."""
    assert refusal.returncode == 2, refusal.stderr
    assert refusal.stdout == ""
    [line] = refusal.stderr.splitlines()
    assert line.startswith("treadle: ")
    for part in said:
        assert part in line
