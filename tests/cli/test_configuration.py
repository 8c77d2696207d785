"""`langgraph.json`: the environment and the folders that it names, and entries that are missing or have no effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import (
    Finished,
    Serving,
    check_refusal,
    command,
    environment,
    invoke,
    serve,
    treadle,
    treadle_from_scratch,
)
from tests.cli.projects import project
from tests.live import DEADLINE

GRAPHS = {"graph": "./graph.py:graph"}
INPUT = ("--input", "-")
LOOKING = """
import os, statistics, sys
from pathlib import Path
from base import saying
FOLDER = str(Path(__file__).parent)
graph = saying({
    "python's": hasattr(statistics, "mean"),
    "last": [folder.removeprefix(FOLDER) for folder in sys.path[-2:] if folder.startswith(FOLDER)],
    "name": __name__,
}).compile()
"""
HIDING = "raise RuntimeError('a file of the project hides a module of Python')\n"


def said(config: Path, graph: str = "graph", run: Callable[..., Finished] = treadle) -> Any:
    """The text that a graph says in a process of its own, which gives no warning."""
    done = run("run", graph, "--config", config, *INPUT, given="{}")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)["said"]


def warnings(process: Serving) -> list[dict[str, Any]]:
    return [line for line in process.lines() if line["level"] == "warning"]


# The environment


@pytest.mark.parametrize("flags", [(), ("--workers", "3"), ("--reload",)], ids=lambda flags: " ".join(flags) or "alone")
def test_a_missing_env_file_is_one_warning_of_a_server(tmp_path: Path, flags: tuple[str, ...]) -> None:
    config = project(tmp_path, {"graphs": GRAPHS, "env": ".env", "ui": {"a": "./a.tsx"}})
    with serve("--port", "0", *flags, config=config, TREADLE_BOGUS="1") as process:
        answer = httpx.post(f"{process.url}/runs/wait", json={"assistant_id": "graph", "input": {}}, timeout=DEADLINE)
        assert answer.json() == {"said": "hello"}
        missing, unserved, unknown = warnings(process)
        assert "env names .env, and there is no such file" in missing["event"]
        assert missing["config"] == str(config)
        assert (unserved["keys"], unknown["variables"]) == (["ui"], ["TREADLE_BOGUS"])
        process.stop()


def test_a_missing_env_file_is_one_warning_of_a_run(tmp_path: Path) -> None:
    config = project(tmp_path, {"graphs": GRAPHS, "env": ".env"})
    done = treadle("run", "graph", "--config", config, *INPUT, given="{}")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"said": "hello"})
    [line] = map(json.loads, done.stderr.splitlines())
    assert (line["level"], "env names .env" in line["event"]) == ("warning", True)


@pytest.mark.parametrize("env", ["", [], {}, None], ids=json.dumps)
def test_an_env_that_asks_for_nothing_is_nothing(tmp_path: Path, env: Any) -> None:
    done = invoke("run", "graph", "--config", project(tmp_path, {"graphs": GRAPHS, "env": env}), *INPUT, given="{}")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_env_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    config = project(tmp_path, {"graphs": GRAPHS, "env": ".env"})
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    check_refusal(invoke("run", "graph", "--config", config, *INPUT, given="{}"), "env names .env")


def test_env_may_list_the_variables_that_must_be_set(tmp_path: Path) -> None:
    config = project(tmp_path, {"graphs": GRAPHS, "env": ["A_KEY", "NO_KEY", "NONE_EITHER"]})
    done = treadle("run", "graph", "--config", config, *INPUT, given="{}", env={"A_KEY": "1"})
    assert done.returncode == 0
    [line] = map(json.loads, done.stderr.splitlines())
    assert (line["level"], line["variables"]) == ("warning", ["NO_KEY", "NONE_EITHER"])
    assert said(project(tmp_path, {"graphs": GRAPHS, "env": ["PATH"]})) == "hello"


def test_what_is_set_already_beats_env(tmp_path: Path) -> None:
    reading = "import os\nfrom base import saying\ngraph = saying([os.environ['SET'], os.environ['UNSET']]).compile()\n"
    config = project(tmp_path, {"graphs": GRAPHS, "env": ".env"}, graph=reading)
    (tmp_path / ".env").write_text("SET=file\nUNSET=file\n")
    done = treadle("run", "graph", "--config", config, *INPUT, given="{}", env={"SET": "environment"})
    assert json.loads(done.stdout) == {"said": ["environment", "file"]}


# The folders


@pytest.mark.parametrize("spec", ["./graph.py:graph", "graph:graph", "./deep/er.py:graph", "deep.er:graph"])
def test_modules_beside_the_file_are_found_though_no_dependency_names_the_folder(tmp_path: Path, spec: str) -> None:
    text = "from base import saying\ngraph = saying('hello').compile()\n"
    config = project(tmp_path, {"graphs": {"graph": spec}, "dependencies": ["langgraph"]}, **{"deep.er": text})
    assert said(config) == "hello"


def test_a_dependency_may_be_a_folder_without_a_dot(tmp_path: Path) -> None:
    document = {"graphs": {"graph": "inside:graph"}, "dependencies": ["lib", "pydantic"]}
    config = project(tmp_path, document, **{"lib.inside": "from base import saying\ngraph = saying('in').compile()\n"})
    assert said(config) == "in"


def test_dependencies_that_are_no_folders_are_warnings(tmp_path: Path) -> None:
    document = {"graphs": GRAPHS, "dependencies": [".", "./gone", "requirements.txt", "./graph.py", "pydantic"]}
    config = project(tmp_path, document)
    (tmp_path / "requirements.txt").write_text("")
    done = treadle("run", "graph", "--config", config, *INPUT, given="{}")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"said": "hello"})
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert [event.split()[2].rstrip(",") for event in events] == ["./gone", "requirements.txt", "./graph.py"]


@pytest.mark.parametrize("spec", ["./graph.py:graph", "graph:graph"])
def test_files_of_a_project_do_not_hide_modules_of_python(tmp_path: Path, spec: str) -> None:
    document = {"graphs": {"graph": spec}, "dependencies": ["lib"]}
    files = {"graph": LOOKING, "statistics": HIDING, "lib.statistics": HIDING}
    config = project(tmp_path, document, **files)
    found = said(config, run=treadle_from_scratch)
    assert found == {"python's": True, "last": ["", "/lib"], "name": "graph"}


def test_a_graph_in_a_file_that_is_called_like_a_module_of_python_does_not_hide_it(tmp_path: Path) -> None:
    document = {"graphs": {"mine": "./statistics.py:graph", "other": "./other.py:graph"}}
    config = project(tmp_path, document, statistics=LOOKING, other=LOOKING)
    found = [said(config, graph, treadle_from_scratch) for graph in ("mine", "other")]
    assert found[0] == {"python's": True, "last": [""], "name": "treadle_graph_statistics"}
    assert found[1] == {"python's": True, "last": [""], "name": "other"}


def test_server_processes_do_not_look_into_the_working_directory_first(tmp_path: Path) -> None:
    config = project(tmp_path, {"graphs": GRAPHS}, graph=LOOKING, statistics=HIDING)
    script = [str(Path(sys.executable).with_name("treadle")), *command("serve")[3:]]
    with (tmp_path / "log").open("wb") as stderr:
        process = subprocess.Popen(
            [*script, "--workers", "2", "--port", "0"], cwd=tmp_path, env=environment(), stderr=stderr
        )
    try:
        serving = Serving(process, tmp_path / "log")
        body = {"assistant_id": "graph", "input": {}}
        answer = httpx.post(f"{serving.url}/runs/wait", json=body, timeout=DEADLINE).json()
        assert answer["said"]["python's"] is True
        assert serving.stop() == 0
    finally:
        process.kill()
        process.wait(DEADLINE)
    assert config.is_file()


# The file


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    config = project(tmp_path, {"graphs": GRAPHS})
    assert said(tmp_path) == said(config) == "hello"
    with serve("--port", "0", config=tmp_path) as process:
        assert process.announcement["graphs"] == ["graph"]
    config.unlink()
    check_refusal(invoke("run", "graph", "--config", tmp_path, *INPUT, given="{}"), str(config), "no such file")


def test_keys_without_effect_are_named_with_their_paths(tmp_path: Path) -> None:
    document = {
        "$schema": "https://example.com",
        "python_version": "3.12",
        "source": {"kind": "uv"},
        "graphs": {"graph": {"path": "./graph.py:graph", "description": "", "foo": 1}},
        "store": {"ttl": {"default_ttl": 5, "foo": 1}, "index": None, "baz": 2},
        "checkpointer": {"ttl": {"default_ttl": 5, "sweep_interval_minutes": 1, "bar": 2}},
        "http": {"mount_prefix": "/x", "disable_runs": False, "logging_headers": {"excludes": ["x"]}, "foo": 1},
        "priority": {"path": "./x.py:y"},
        "ui": {"graph": "./x.tsx"},
        "disable_persistence": True,
        "dependancies": ["."],
        "stroe": {"ttl": {}},
        "nothing": {},
    }
    done = treadle("run", "graph", "--config", project(tmp_path, document), *INPUT, given="{}")
    assert done.returncode == 0, done.stderr
    [line] = map(json.loads, done.stderr.splitlines())
    assert line["keys"] == [
        "graphs.graph.foo",
        "store.ttl.foo",
        "store.baz",
        "checkpointer.ttl.bar",
        "http.foo",
        "priority",
        "ui",
        "disable_persistence",
        "dependancies (not known; dependencies is)",
        "stroe (not known; store is)",
    ]


@pytest.mark.parametrize("key", ["aut", "AUTH", "Auth", "authentication", "encrypton"])
def test_a_key_that_is_most_like_one_that_closes_stops_the_start(tmp_path: Path, key: str) -> None:
    config = project(tmp_path, {"graphs": GRAPHS, key: {"path": "./x.py:y"}})
    check_refusal(invoke("run", "graph", "--config", config, *INPUT, given="{}"), f"{config}: {key} is unknown; write")


def test_packages_that_are_not_installed_are_one_line_for_pip(tmp_path: Path) -> None:
    """Those of `dependencies`, and those of the projects in its folders."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "requirements.txt").write_text("# these\nno-such-package>=2  # why\n-r other.txt\norjson\n./local\n")
    needed = ["orjson", "langgraph>99", "no-such; python_version < '3'"]
    (inner / "pyproject.toml").write_text(f"[project]\nname = 'inner'\nversion = '1'\ndependencies = {needed}\n")
    dependencies = [".", "./inner", "another_package", "orjson>=3", "git+https://example.com/x.git"]
    config = project(tmp_path, {"graphs": GRAPHS, "dependencies": dependencies})
    done = treadle("run", "graph", "--config", config, *INPUT, given="{}")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"said": "hello"})
    [line] = map(json.loads, done.stderr.splitlines())
    assert line["install"] == "pip install another_package 'no-such-package>=2' 'langgraph>99'"


@pytest.mark.parametrize(
    "text",
    [
        "[project",
        "project = 5",
        "[project]\ndependencies = 'x'",
        "[project]\ndependencies = [5]",
        "[project]\ndependencies = ['a; python_version ~= \"3\"', 'a; \"x\" in extras']",
        "a = " + "[" * 5000,
        "#" * 200_000,
    ],
    ids=str.__len__,
)
def test_a_project_file_that_cannot_be_read_is_left_to_pip(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "requirements.txt").write_bytes(b"\xff")
    os.mkfifo(tmp_path / "fifo")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "requirements.txt").symlink_to(tmp_path / "fifo")
    (inner / "pyproject.toml").symlink_to(inner / "pyproject.toml")
    assert said(project(tmp_path, {"graphs": GRAPHS, "dependencies": [".", "./inner"]})) == "hello"


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """As editors on Windows write it."""
    config = project(tmp_path, {"graphs": GRAPHS})
    config.write_text(config.read_text(), encoding="utf-8-sig")
    assert said(config) == "hello"


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a" * 5000, "./loop"], ids=["NUL", "surrogate", "long", "loop"])
def test_a_folder_that_cannot_be_is_a_warning(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    done = treadle(
        "run", "graph", "--config", project(tmp_path, {"graphs": GRAPHS, "dependencies": [name]}), *INPUT, given="{}"
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, {"said": "hello"})
    assert "there is no such folder" in done.stderr
