"""Runs where only the wheel is installed: its client works, and the server's command names the missing extra."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import treadle_client
from treadle_client import APIConnectionError, AsyncTreadle, Treadle
from treadle_client.testing import canned

for module in ("starlette", "langgraph", "pydantic", "uvicorn"):
    assert importlib.util.find_spec(module) is None, f"the client alone brings {module}"

with canned({"agent": {"n": 2**70}}) as server, Treadle(server.url) as client:
    assert client.runs.wait("agent", input={"n": 1}, extra_body={"unknown": [1]}) == {"n": 2**70}
    assert server.requests == [{"assistant_id": "agent", "input": {"n": 1}, "unknown": [1]}]
    assert client.runs.stream("agent").output() == {"n": 2**70}
    assert client.runs.get(client.runs.create("agent").run_id).status == "success"
    assert treadle_client.__version__ == version("treadle")


async def unreachable() -> bool:
    """Whether it is told that there is no server."""
    async with AsyncTreadle("http://127.0.0.1:1", max_retries=0) as client:
        try:
            await client.runs.wait("agent")
        except APIConnectionError:
            return True
    return False


assert asyncio.run(unreachable())

command = Path(sysconfig.get_path("scripts")) / "treadle"
for name, extra in {"serve": "server", "conform": "conform"}.items():
    tried = subprocess.run([command, name], capture_output=True, text=True, check=False)
    assert tried.returncode == 2, tried
    assert f'its extra "{extra}"' in tried.stderr, tried
    assert tried.stderr.count("\n") == 1, tried
print(f"the wheel's client works on Python {sys.version.split()[0]}, and `treadle` says what it lacks")
