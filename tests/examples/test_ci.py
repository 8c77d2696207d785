"""The workflows of `examples/ci`: GitHub would take them, and their commands do what they are there for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.contract.inputs import EXAMPLES, write_config
from tests.contract.server import NOWHERE

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((EXAMPLES / "ci").glob("*.yml"))
SCHEMA = files("check_jsonschema").joinpath("builtin_schemas/vendor/github-workflows.json")
CONTRACT = "agent-server-openapi.json"
PATIENCE = 300
MAKE = shutil.which("make")
Json = dict[str, Any]


def workflow(name: str) -> Json:
    """A workflow as GitHub reads it: `on` is a name there, and not the truth of YAML 1.1."""
    read = yaml.safe_load((EXAMPLES / "ci" / name).read_text("utf-8"))
    return {"on" if key is True else key: value for key, value in read.items()}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_github_takes_the_workflow(path: Path) -> None:
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    given = workflow(path.name)
    assert [error.message for error in validator.iter_errors(given)] == []
    assert not validator.is_valid({**given, "jobs": {"contract": {"steps": [{"runs": "x"}]}}})


class Runner:
    """Carries out the commands of a workflow's steps as a runner does: each in a shell of its own, in one folder."""

    def __init__(self, folder: Path, stand_ins: Path) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        proxies = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1"}
        commands = os.pathsep.join([str(stand_ins), str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = (
            kept
            | proxies
            | {
                "PATH": commands,
                "RUNNER_TEMP": str(folder.parent),
                "GITHUB_STEP_SUMMARY": str(folder.parent / "summary.md"),
                "GITHUB_BASE_REF": "main",
            }
        )
        self.started: list[int] = []

    def run(self, name: str, **environment: str) -> Iterator[tuple[str, int, str]]:
        """(name, exit code, output) of each step with commands."""
        given = workflow(name)
        variables = self.environment | given.get("env", {}) | environment
        for step in given["jobs"]["contract"]["steps"]:
            if "run" in step:
                script = self.folder.parent / "step.sh"
                script.write_text(step["run"], "utf-8")
                # As GitHub does for `shell: bash`.
                command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
                output = self.folder.parent / "output.txt"
                with output.open("wb") as said:
                    process = subprocess.Popen(
                        command, cwd=self.folder, env=variables, stdout=said, stderr=said, start_new_session=True
                    )
                    self.started.append(process.pid)
                    code = process.wait(PATIENCE)
                yield step["name"], code, output.read_text("utf-8", "replace")

    def stop(self) -> None:
        """End what the steps have left running: the groups of their shells, and nothing else."""
        for group in self.started:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue


def stand_in(folder: Path, name: str, script: str = "") -> None:
    """A command that would need the network, and does nothing, or what `script` says."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A runner in an empty folder."""
    (tmp_path / "checkout").mkdir()
    (tmp_path / "bin").mkdir()
    made = Runner(tmp_path / "checkout", tmp_path / "bin")
    yield made
    made.stop()


def test_the_server_of_a_repository_is_tested(runner: Runner) -> None:
    stand_in(runner.folder.parent / "bin", "pip")
    write_config(runner.folder, steered=False)
    shutil.copy(EXAMPLES / "greeting.json", runner.folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    for name, code, output in runner.run("server.yml", PORT=port, EXAMPLES="1", DATABASE_URI="memory://"):
        assert code == 0, f"{name}: {output}"
    made = workflow("server.yml")["jobs"]["contract"]["steps"][-1]["with"]["path"].split()
    assert [name for name in made if not (runner.folder / name).stat().st_size] == []
    assert "http://127.0.0.1" in (runner.folder / "server.log").read_text("utf-8")


@pytest.mark.parametrize(("change", "codes"), [("none", [0, 0, 0, 0, 0]), ("a removed operation", [0, 0, 0, 0, 1])])
def test_a_change_of_the_contract_is_reported(runner: Runner, change: str, codes: list[int]) -> None:
    """`make install` and `make generate` are stand-ins: the first needs the network, the second other tests run."""
    folder = runner.folder
    stand_in(folder.parent / "bin", "make", f'case "$1" in spec-report) exec {MAKE} -o .venv/.installed "$@";; esac')
    for name in ("Makefile", CONTRACT, "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    for name in ("codegen", "generated", "handlers"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", CONTRACT, "Makefile")
    git(folder, "commit", "-qm", "before")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    document = json.loads((folder / CONTRACT).read_text("utf-8"))
    if change != "none":
        del document["paths"]["/runs/wait"]
        (folder / CONTRACT).write_text(json.dumps(document), "utf-8")
        git(folder, "commit", "-qam", "after")
    steps = list(runner.run("contract.yml"))
    assert [code for _, code, _ in steps] == codes, steps
    told = (folder.parent / "summary.md").read_text("utf-8")
    assert ("/runs/wait" in told) == (change != "none"), told


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, timeout=PATIENCE)
