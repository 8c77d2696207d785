"""Each mistake in a project is one line at the start, which names the file, the line of the code, and what to mend."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.broken_encryption import BROKEN as BROKEN_ENCRYPTION
from tests.cli.broken_projects import BROKEN as BROKEN_PROJECTS
from tests.cli.broken_projects import BUILDER, Broken, section
from tests.cli.processes import SETTINGS as VARIABLES
from tests.cli.processes import Finished, check_refusal, invoke, treadle
from tests.cli.projects import GRAPH, project

BROKEN = {**BROKEN_PROJECTS, **BROKEN_ENCRYPTION}
# A mistake for each moment of the start: reading, importing, and opening what is opened for the whole server.
AT_EACH_MOMENT = ("trailing comma", "misspelt auth", "syntax", "a class", "lifespan", "webhooks")

# Said of a setting, wherever it is set: the name of the setting stands for that of the file.
SETTINGS = {
    "a number": section("env", {"N_JOBS_PER_WORKER": "many"}, "N_JOBS_PER_WORKER", "'many'", "a number of runs"),
}
# What a factory gives is not known before the first run: a log line has the reason.
MADE = {
    "None": (
        "def make(config):\n    graph = 5\n",
        "TypeError: the factory returned NoneType, which is no graph; does it lack a return?",
    ),
    "a node": (
        "def make(state):\n    return {'said': 'x'}\n",
        "TypeError: the factory returned dict, which is no graph",
    ),
    "an exception": ("def make(config):\n    return config['model']\n", "KeyError: 'model'"),
    "a broken builder": (
        f"{BUILDER}graph.add_edge('say', 'sya')\ndef make(): return graph\n",
        "ValueError: Found edge ending at unknown node `sya`",
    ),
}


@pytest.fixture(autouse=True)
def as_it_was(tmp_path: Path) -> Iterator[None]:
    """Take back what a run in this process has left: the projects have modules of the same names."""
    variables, folders = dict(os.environ), list(sys.path)
    for name in VARIABLES:
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:] = folders
    for name, module in tuple(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def write(folder: Path, broken: Broken) -> Path:
    """Write the project; the path of its `langgraph.json`, which may not be there."""
    config = project(folder, {}, **{"planner": GRAPH, **broken.files})
    config.unlink()
    if broken.text is not None:
        config.write_text(broken.text)
    return config


def run(folder: Path) -> Finished:
    return invoke("run", "planner", "{}", "--config", folder)


def check(refusal: Finished, config: Path, broken: Broken) -> None:
    """Check for one line that begins with the file and the key, and ends with the place of the author's code."""
    beginning, *parts = broken.said
    check_refusal(refusal, *parts)
    assert refusal.stderr.startswith(f"treadle: {config}: {beginning}")
    if broken.place is not None:
        module, line = broken.place.split(":")
        assert refusal.stderr.endswith(f" ({config.parent / module}.py:{line})\n")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_project_is_one_line_that_says_what_to_mend(tmp_path: Path, name: str) -> None:
    config = write(tmp_path, BROKEN[name])
    check(run(tmp_path), config, BROKEN[name])


@pytest.mark.parametrize("name", AT_EACH_MOMENT)
def test_a_server_says_the_same(tmp_path: Path, name: str) -> None:
    config = write(tmp_path, BROKEN[name])
    check(treadle("serve", "--port", "0", "--database-uri", "memory://", cwd=tmp_path), config, BROKEN[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_in_the_file_that_cannot_be_used_is_one_line(tmp_path: Path, name: str) -> None:
    write(tmp_path, SETTINGS[name])
    check_refusal(run(tmp_path), *SETTINGS[name].said)


def test_a_prefix_without_a_slash_stops_a_server(tmp_path: Path) -> None:
    project(tmp_path, {"graphs": {"planner": "./graph.py:graph"}, "http": {"mount_prefix": "agents"}})
    refusal = treadle("serve", tmp_path, "--port", "0", "--database-uri", "memory://")
    check_refusal(refusal, "http.mount_prefix='agents'", "set it to a path such as /agents")


def test_a_package_of_dependencies_that_is_not_installed_has_its_command_for_pip(tmp_path: Path) -> None:
    document = {"graphs": {"planner": "./planner.py:graph"}, "dependencies": [".", "no-such-package"]}
    project(tmp_path, document, planner="import no_such_package\n")
    refusal = run(tmp_path)
    warning, last = refusal.stderr.splitlines()
    assert json.loads(warning)["install"] == "pip install no-such-package"
    assert (refusal.returncode, refusal.stdout) == (2, "")
    assert "No module named 'no_such_package'; install it with" in last
    assert last.endswith(f"({tmp_path / 'planner.py'}:1)")


@pytest.mark.parametrize("name", MADE)
def test_what_a_factory_gives_is_found_at_the_first_run(tmp_path: Path, name: str) -> None:
    text, reason = MADE[name]
    project(tmp_path, {"graphs": {"planner": "./planner.py:make"}}, planner=text)
    failed = run(tmp_path)
    log, last = failed.stderr.splitlines()
    assert failed.returncode == 1
    assert last == f"treadle: the run ended with status error: {reason}"
    assert reason in json.loads(log)["exception"]
