"""Treadle does not open a part that `langgraph.json` closes: it refuses to start, and names the key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import Finished, check_refusal, invoke, treadle
from tests.cli.projects import project

Section = dict[str, Any]
CLOSED: list[tuple[Section, str]] = [
    ({"encryption": {"path": None, "key": "k"}}, "encryption.path"),
    ({"http": {"disable_mcp": True, "disable_no_such_thing": True}}, "http.disable_no_such_thing"),
    ({"webhooks": {"allowed_fields": ["run_id"]}}, "webhooks.allowed_fields"),
]
OPEN: list[Section] = [
    {"auth": {}, "encryption": None},
    {"http": None},
    {"http": {"cors": None, "app": None, "configurable_headers": None, "enable_custom_route_auth": False}},
    {"http": {f"disable_{name}": False for name in ("assistants", "threads", "runs", "meta", "webhooks", "else")}},
    # Treadle does not have these parts.
    {"http": {f"disable_{name}": True for name in ("mcp", "a2a", "ui", "event_streaming")}},
    {"http": {f"disable_{name}": True for name in ("assistants", "runs", "store", "threads", "meta", "webhooks")}},
    {"http": {"cors": {}, "enable_custom_route_auth": True, "configurable_headers": {"include": ["x-user-*"]}}},
    {"http": {"configurable_headers": {"excludes": ["*"], "includes": []}}},
    {"checkpointer": None},
    {"checkpointer": {"path": None, "serde": None, "ttl": None}},
    {"checkpointer": {"serde": {}}},
    {"checkpointer": {"serde": {"pickle_fallback": False, "allowed_msgpack_modules": None}}},
    {"checkpointer": {"serde": {"allowed_msgpack_modules": [["a", "B"]], "allowed_json_modules": True}}},
]


def run(folder: Path, sections: Section) -> Finished:
    config = project(folder, {"graphs": {"graph": "./graph.py:graph"}, **sections})
    return invoke("run", "graph", "--config", config, "--input", "-", given="{}")


@pytest.mark.parametrize(("sections", "key"), CLOSED, ids=lambda case: case if isinstance(case, str) else "")
def test_what_the_author_closed_is_refused_by_name(tmp_path: Path, sections: Section, key: str) -> None:
    check_refusal(run(tmp_path, sections), f"{tmp_path / 'langgraph.json'}: {key}")


@pytest.mark.parametrize("sections", OPEN, ids=json.dumps)
def test_what_closes_nothing_is_served_without_a_word(tmp_path: Path, sections: Section) -> None:
    done = run(tmp_path, sections)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"said": "hello"}


@pytest.mark.parametrize("flags", [(), ("--workers", "2"), ("--role", "worker")], ids=lambda flags: " ".join(flags))
def test_a_server_refuses_it_as_well(tmp_path: Path, flags: tuple[str, ...]) -> None:
    config = project(tmp_path, {"graphs": {"graph": "./graph.py:graph"}, "http": {"disable_all": True}})
    check_refusal(treadle("serve", config, "--port", "0", *flags), "http.disable_all", "remove it", "proxy")
