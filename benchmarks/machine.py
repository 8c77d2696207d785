"""The machine and the versions that figures belong to."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks import cannon

PACKAGES = ("treadle", "langgraph", "starlette", "uvicorn", "uvloop", "httptools", "orjson")


def describe() -> dict[str, str]:
    """Name -> value, without the names of hosts and folders."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "measured on": datetime.now(UTC).date().isoformat(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()}, {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
        **_node(),
    }


def _node() -> dict[str, str]:
    if not cannon.is_available():
        return {}
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return {"Node": found.stdout.strip().removeprefix("v"), "autocannon": cannon.version()}
