"""`checkpointer.serde`: which classes are made again when a kept state is read, and whether values may be pickled.

The class here is one that JSON shows as a list, and its stored form as an object.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import Serving, command, environment
from tests.graphs import custom_savers
from tests.live import DEADLINE, GRAPHS, serving
from tests.web.calls import detail, wait
from tests.web.keeping import history, kept, state, thread

SAVERS = GRAPHS.with_name("custom_savers.py")
POINT = [custom_savers.__name__, "Point"]
REVIVED, STORED = [1, 2], {"x": 1, "y": 2}
Json = dict[str, Any]
PLACES = pytest.mark.parametrize("place", ["memory", "sqlite", "authors", "isolated"])


def written(folder: Path, place: str, serde: Any, form: str = "plain") -> Path:
    """A configuration with this `serde`, and a checkpointer of the author's if the place is that."""
    checkpointer = {"serde": serde, **({"path": f"{SAVERS}:{form}"} if place in ("authors", "isolated") else {})}
    graphs = {name: f"{SAVERS}:{name}" for name in ("pointing", "declaring", "undeclared", "opaque")}
    config = folder / "langgraph.json"
    config.write_text(json.dumps({"graphs": graphs, "checkpointer": checkpointer}))
    return config


@contextmanager
def served(folder: Path, place: str, serde: Any, form: str = "plain") -> Iterator[httpx.Client]:
    """A client of a server with this `serde`, whose checkpoints are in memory, in a file or where the author says."""
    config = written(folder, place, serde, form)
    uri = "memory://" if place == "memory" else f"sqlite:///{folder}/runs.db"
    with serving(config, database_uri=uri, isolated_loops=place == "isolated") as live, live.client() as http:
        yield http


@PLACES
@pytest.mark.parametrize(
    ("serde", "shown"),
    [
        (None, REVIVED),
        ({}, REVIVED),
        ({"pickle_fallback": False}, REVIVED),
        ({"allowed_msgpack_modules": True}, REVIVED),
        ({"allowed_msgpack_modules": [POINT]}, REVIVED),
        ({"allowed_msgpack_modules": [["another", "Point"], POINT]}, REVIVED),
        ({"allowed_msgpack_modules": None}, STORED),
        ({"allowed_msgpack_modules": []}, STORED),
        ({"allowed_msgpack_modules": [[POINT[0], "Other"]]}, STORED),
    ],
    ids=json.dumps,
)
def test_a_class_is_made_again_if_it_is_allowed(tmp_path: Path, place: str, serde: Any, shown: Any) -> None:
    with served(tmp_path, place, serde) as http:
        run = kept(http, "pointing", {})
        assert detail(http, run["run_id"])["status"] == "success"
        assert state(http, run)["values"] == history(http, run)[0]["values"] == {"value": shown}
        assert thread(http, run)["values"] == {"value": shown}
        assert wait(http, "pointing", {}) == {"value": REVIVED}  # nothing of it is stored


DURABILITY = pytest.mark.parametrize("durability", ["sync", "async", "exit"])
UNSTORED = {"error": "TypeError", "message": "Type is not msgpack serializable: Opaque"}


@PLACES
@DURABILITY
def test_a_value_that_only_pickle_stores_fails_its_run_if_none_is_to_be_pickled(
    tmp_path: Path, place: str, durability: str
) -> None:
    with served(tmp_path, place, {"pickle_fallback": False}) as http:
        run = kept(http, "opaque", {}, durability=durability)
        assert detail(http, run["run_id"])["status"] == thread(http, run)["status"] == "error"
        assert thread(http, run)["error"] == UNSTORED
        assert wait(http, "opaque", {}, on_completion="keep", durability=durability) == {"__error__": UNSTORED}
        assert wait(http, "opaque", {}) == {"value": {"size": 3}}


@PLACES
@pytest.mark.parametrize("serde", [{}, {"pickle_fallback": True}, {"allowed_msgpack_modules": []}], ids=json.dumps)
def test_a_value_that_only_pickle_stores_is_pickled(tmp_path: Path, place: str, serde: Json) -> None:
    with served(tmp_path, place, serde) as http:
        run = kept(http, "opaque", {})
        assert detail(http, run["run_id"])["status"] == "success"
        assert state(http, run)["values"] == thread(http, run)["values"] == {"value": {"size": 3}}


@pytest.mark.parametrize(("serde", "shown"), [({"allowed_msgpack_modules": []}, STORED), ({}, REVIVED)], ids=str)
def test_what_is_allowed_is_asked_when_it_is_read(tmp_path: Path, serde: Json, shown: Any) -> None:
    """A state that was kept under another configuration."""
    with served(tmp_path, "sqlite", {}) as http:
        run = kept(http, "pointing", {})
    with served(tmp_path, "sqlite", serde) as http:
        assert state(http, run)["values"] == {"value": shown}


def test_a_checkpointer_of_the_authors_own_keeps_its_serializer_unless_serde_is_said(tmp_path: Path) -> None:
    with served(tmp_path, "authors", None) as http:  # LangGraph's checkpointers pickle nothing
        assert wait(http, "opaque", {}, on_completion="keep") == {"__error__": UNSTORED}


@pytest.mark.parametrize("isolated", [False, True])
def test_what_the_author_encrypts_stays_encrypted(tmp_path: Path, isolated: bool) -> None:
    with served(tmp_path, "isolated" if isolated else "authors", {"pickle_fallback": False}, "encrypted") as http:
        run = kept(http, "pointing", {})
        saver = custom_savers.made[-1]
        kinds = {kind for kind, _ in saver.blobs.values()} - {"empty"}
        assert kinds and all(kind.endswith("+reversed") for kind in kinds)
        assert state(http, run)["values"] == {"value": REVIVED}


def test_a_serializer_of_the_authors_own_stays(tmp_path: Path) -> None:
    with served(tmp_path, "authors", None, "own_serializer") as http:
        assert state(http, kept(http, "pointing", {}))["values"] == {"value": REVIVED}


@contextmanager
def from_scratch(config: Path, **variables: str) -> Iterator[Serving]:
    """A server whose interpreter has imported nothing yet: LangGraph reads the variable then."""
    with (config.parent / "log").open("wb") as log:
        process = subprocess.Popen(command("serve", config, "--port", "0"), env=environment(**variables), stderr=log)
    try:
        yield Serving(process, config.parent / "log")
    finally:
        process.kill()
        process.wait(DEADLINE)


@pytest.mark.parametrize("isolated", ["false", "true"])
@pytest.mark.parametrize("place", ["memory", "sqlite", "authors"])
def test_classes_of_the_graphs_own_state_are_made_again_in_strict_mode(
    tmp_path: Path, place: str, isolated: str
) -> None:
    """LANGGRAPH_STRICT_MSGPACK: only these, and those that LangGraph knows."""
    config = written(tmp_path, place, None)
    uri = "memory://" if place == "memory" else f"sqlite:///{tmp_path}/runs.db"
    variables: Json = {"DATABASE_URI": uri, "BG_JOB_ISOLATED_LOOPS": isolated, "LANGGRAPH_STRICT_MSGPACK": "true"}
    with from_scratch(config, **variables) as process, httpx.Client(base_url=process.url, timeout=DEADLINE) as http:
        assert state(http, kept(http, "declaring", {}))["values"] == {"value": {"size": 3}}
        assert state(http, kept(http, "undeclared", {}))["values"] == {"value": {"size": 3, "_note": "n"}}
