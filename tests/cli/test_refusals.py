"""Treadle refuses faulty files, flags and settings: exit code 2, one line that names the fault, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.processes import check_refusal, invoke, treadle
from tests.live import GRAPHS

GRAPH_FILES = {
    "broken.py": "import no_such_module\n",
    "no_python.py": "def graph(:\n",
    "failing.py": "raise RuntimeError('on import')\n",
    "exiting.py": "import sys\nsys.exit('bye')\n",
    "wordy.py": "raise RuntimeError('several\\nlines')\n",
    "other.py": "number = 5\n",
    "fine.py": "def graph(): ...\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with graph files that cannot be served."""
    made = tmp_path_factory.mktemp("project")
    for name, text in GRAPH_FILES.items():
        made.joinpath(name).write_text(text)
    return made


# serve


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, ["langgraph.json"]),
        ("{not json", ["not valid JSON"]),
        ('{"graphs": {"agent": "./other.py:nothing"}}', ["graphs.agent", "nothing"]),
        ('{"graphs": {"agent": "./broken.py:graph"}}', ["graphs.agent", "no_such_module"]),
        ('{"graphs": {"agent": "./fine.py:graph"}, "env": {"N_JOBS_PER_WORKER": "many"}}', ["N_JOBS_PER_WORKER"]),
        ('{"graphs": {"agent": "./fine.py:graph"}, "checkpointer": "memory"}', ["checkpointer", "an object"]),
        ('{"graphs": {"agent": "./fine.py:graph"}, "checkpointer": {"ttl": 5}}', ["checkpointer.ttl", "an object"]),
        (
            '{"graphs": {"agent": "./fine.py:graph"}, "checkpointer": {"ttl": {"strategy": "archive"}}}',
            ["checkpointer.ttl.strategy", "delete or keep_latest", "archive"],
        ),
        (
            '{"graphs": {"agent": "./fine.py:graph"}, "checkpointer": {"ttl": {"default_ttl": "long"}}}',
            ["checkpointer.ttl.default_ttl", "long", "a number of minutes"],
        ),
    ],
    ids=[
        "missing",
        "invalid JSON",
        "unknown attribute",
        "import error",
        "value in env",
        "checkpointer by name",
        "ttl of a thread",
        "strategy",
        "minutes",
    ],
)
def test_serving_a_configuration(folder: Path, text: str | None, said: list[str]) -> None:
    config = folder / "langgraph.json"
    config.unlink(missing_ok=True)
    if text is not None:
        config.write_text(text)
    check_refusal(treadle("serve", "--port", "0", cwd=folder), *said)


@pytest.mark.parametrize(("name", "value"), [("N_JOBS_PER_WORKER", "many"), ("DATABASE_URI", "bogus://somewhere")])
def test_serving_with_a_bad_value_in_the_environment(name: str, value: str) -> None:
    check_refusal(treadle("serve", GRAPHS, "--port", "0", env={name: value}), name, value)


@pytest.mark.parametrize(
    ("flag", "value"), [("--log-level", "loud"), ("--port", "99999"), ("--host", "no-such-host.invalid")]
)
def test_serving_with_a_bad_flag(flag: str, value: str) -> None:
    """Typer frames its own messages; framed or not, a message names the value and shows no traceback."""
    refusal = treadle("serve", GRAPHS, flag, value, *(() if flag == "--port" else ("--port", "0")))
    assert refusal.returncode == 2, refusal.stderr
    assert value in refusal.stderr
    assert "Traceback" not in refusal.stderr


def test_a_reloading_server_is_one_process() -> None:
    check_refusal(treadle("serve", GRAPHS, "--port", "0", "--reload", "--workers", "2"), "--reload", "--workers")


# run, which reads the same configuration and settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{not json", ["not valid JSON"]),
        ("[]", ["expected an object"]),
        ("{}", ['"graphs"']),
        ('{"graphs": {}}', ['"graphs"']),
        ('{"graphs": {"agent": "no colon"}}', ["graphs.agent"]),
        ('{"graphs": {"agent": 5}}', ["graphs.agent"]),
        ('{"graphs": {"agent": "./missing.py:graph"}}', ["graphs.agent", "missing.py"]),
        ('{"graphs": {"agent": "./other.py:nothing"}}', ["graphs.agent", "nothing"]),
        ('{"graphs": {"agent": "./other.py:number"}}', ["graphs.agent", "int"]),
        ('{"graphs": {"agent": "./broken.py:graph"}}', ["graphs.agent", "no_such_module"]),
        ('{"graphs": {"agent": "./no_python.py:graph"}}', ["graphs.agent", "SyntaxError"]),
        ('{"graphs": {"agent": "./failing.py:graph"}}', ["graphs.agent", "on import"]),
        ('{"graphs": {"agent": "./wordy.py:graph"}}', ["graphs.agent", "several"]),
        ('{"graphs": {"agent": "./exiting.py:graph"}}', ["graphs.agent", "SystemExit"]),
        ('{"graphs": {"agent": "no_such_module:graph"}}', ["graphs.agent", "no_such_module"]),
        ('{"graphs": {"agent": "./agent.ts:graph"}}', ["graphs.agent (./agent.ts:graph)", "JavaScript"]),
        ('{"graphs": {"agent": {"path": "./src/agent.mjs:graph"}}}', ["graphs.agent", "JavaScript"]),
        ('{"graphs": {"agent": "./src/agent:graph"}}', ["graphs.agent", "./file.py:attribute", "./src/agent:graph"]),
        ('{"graphs": {"agent": ".agent:graph"}}', ["graphs.agent", "./file.py:attribute"]),
        ('{"graphs": {"agent": {"description": "no path"}}}', ["graphs.agent", "null"]),
        (
            '{"graphs": {"agent": {"path": "./fine.py:graph", "description": 5}}}',
            ["graphs.agent.description", "string"],
        ),
        ('{"graphs": {"agent": "./fine.py:graph"}, "http": []}', ["http", "an object"]),
        ('{"graphs": {"agent": "./other.py:number"}, "env": 5}', ['"env"']),
        ('{"graphs": {"agent": "./other.py:number"}, "env": {"A=B": "c"}}', ["env", "'A=B'"]),
        ('{"graphs": {"agent": "./other.py:number"}, "env": {"": "c"}}', ["env", "''"]),
        ('{"graphs": {"agent": "./other.py:number"}, "env": {"A": "\\u0000"}}', ["env", "'A'"]),
        ('{"graphs": {"agent": "./other.py:number"}, "dependencies": "."}', ['"dependencies"']),
    ],
)
def test_a_configuration(folder: Path, text: str, said: list[str]) -> None:
    config = folder / "other.json"
    config.write_text(text)
    check_refusal(invoke("run", "agent", "--config", config, "--input", "-", given="{}"), *said)


def test_a_configuration_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_refusal(invoke("run", "agent", "--input", "-", given="{}"), str(tmp_path / "langgraph.json"))
    check_refusal(invoke("run", "agent", "--config", tmp_path, "--input", "-", given="{}"), str(tmp_path))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("N_JOBS_PER_WORKER", "many"),
        ("N_JOBS_PER_WORKER", "0"),
        ("N_JOBS_PER_WORKER", "9" * 5000),
        ("BG_JOB_TIMEOUT_SECS", "nan"),
        ("BG_JOB_TIMEOUT_SECS", ""),
        ("HTTP_MAX_REQUEST_BODY_BYTES", "1e6"),
        ("RUN_TTL_SECONDS", "-1"),
        ("HEARTBEAT_SECONDS", "0"),
        ("TREADLE_PUBLIC_URL", "agents.example.com"),
        ("TREADLE_PUBLIC_URL", "https://agents.example.com/?a"),
        ("TREADLE_SECRET_KEY", ""),
        ("FEEDBACK_TTL_SECONDS", "0"),
        ("DATABASE_URI", ""),
    ],
    ids=lambda text: text[:12],
)
def test_a_value_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    check_refusal(invoke("run", "simple", "--config", GRAPHS, "--input", "-", given=json.dumps({})), name)
