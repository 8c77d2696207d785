"""Graphs that cannot be served: the message comes at the start and names the place."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Finished, Serving, check_refusal, command, environment, invoke, serve, treadle
from tests.cli.projects import project
from tests.live import DEADLINE, until

# Module -> its text, the message about it, and the innermost line of the project that raised.
FAILING = {
    "raising": ("import os\n\nraise RuntimeError('no key')\n", "RuntimeError: no key", "raising.py:3"),
    "wordy": ("raise RuntimeError('several\\nlines')\n", "RuntimeError: several lines", "wordy.py:1"),
    "silent": ("raise RuntimeError\n", "RuntimeError:", "silent.py:1"),
    "leaving": ("import sys\nsys.exit('bye')\n", "SystemExit: bye", "leaving.py:2"),
    "unusual": ("class Halt(BaseException): ...\nraise Halt('no')\n", "Halt: no", "unusual.py:2"),
    "looking": ("import os\nkey = os.environ['NO_SUCH_KEY']\n", "KeyError: 'NO_SUCH_KEY'", "looking.py:2"),
    "unparsable": ("x = 1\ndef graph(:\n", "SyntaxError: invalid syntax", "unparsable.py:2"),
    "missing": ("import os\nimport no_such_module\n", "ModuleNotFoundError: No module named", "missing.py:2"),
    "calling": ("import raising_within\nraising_within.fail()\n", "ValueError: within", "raising_within.py:2"),
    "reading": ("import unparsable\n", "SyntaxError: invalid syntax", "unparsable.py:2"),
    "through": ("import json\njson.loads('{')\n", "JSONDecodeError: Expecting property name", "through.py:2"),
}
KINDS = """
import contextlib, dataclasses, functools, types
from typing import Any, Callable, TypedDict
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.func import entrypoint, task
from langgraph.graph import StateGraph
from langgraph_sdk.runtime import ServerRuntime
from pydantic import BaseModel
from base import State, saying

class Model(BaseModel):
    x: int = 0
class Graphlike(type(saying("").compile())): ...
class Box:
    def __call__(self, config): return made(config)
    def method(self, config): return made(config)
class Block:
    async def __aenter__(self): return saying("block")
    async def __aexit__(self, *error): ...
def told(runtime, *rest):
    running = runtime.execution_runtime
    return saying(" ".join([runtime.access_context, type(runtime.store).__name__, running.context.word, *rest]))
@dataclasses.dataclass
class Context:
    word: str = ""
def word(config): return config["configurable"]["word"]
def runtime_only(runtime: ServerRuntime[Context]): return told(runtime)
def runtime_first(runtime: "ServerRuntime[Context]", config: RunnableConfig): return told(runtime, word(config))
def runtime_last(config, *, runtime: ServerRuntime[Context]): return told(runtime, word(config))
async def runtime_optional(runtime: ServerRuntime[Context] | None = None): return told(runtime)
def runtime_by_position(config, runtime: ServerRuntime[Context], /): return told(runtime, word(config))
def made(config): return saying(config["configurable"]["word"])
def plain(): return saying("plain").compile()
def builder(): return saying("builder")
def optional(config, model="x"): return made(config)
def by_name(*, config): return made(config)
def by_position(config, /): return made(config)
def option(*, model="option"): return saying(model)
def positions(*args): return saying("positions")
def names(**kwargs): return saying("names")
def unasked(runtime: ServerRuntime = None, config: RunnableConfig = None): return made(config)
async def awaited(config): return made(config)
async def awaited_block(): return Block()
@contextlib.contextmanager
def managed(config): yield made(config)
@contextlib.asynccontextmanager
async def async_managed(config): yield made(config)
def block(): return Block()
def two(model, config): return saying(model)
partial = functools.partial(two, "partial")
partial_by_name = functools.partial(two, model="by name")
partial_config = functools.partial(two, "given", config={})
callable_instance, method = Box(), Box().method
@entrypoint()
def functional(given): return {"said": "functional"}
compiled, uncompiled = saying("compiled").compile(), saying("uncompiled")

def generator(config): yield made(config)
async def async_generator(config): yield made(config)
def wants_more(config, *, model): ...
@task
def a_task(x): return x
instance, mapping, number, nothing, module = Model(), {"a": 1}, 5, None, types
runnable, alias, callback = RunnableLambda(made), dict[str, int], Callable[[], int]
empty = StateGraph(State)
"""
WORD = "word"  # said by a graph whose factory is given the run's config
RUNTIME = f"threads.create_run SqliteItems {WORD}"
SERVED = {
    "runtime_only": RUNTIME,
    "runtime_first": f"{RUNTIME} {WORD}",
    "runtime_last": f"{RUNTIME} {WORD}",
    "runtime_optional": RUNTIME,
    "runtime_by_position": f"{RUNTIME} {WORD}",
    "plain": "plain",
    "builder": "builder",
    "made": WORD,
    "optional": WORD,
    "by_name": WORD,
    "by_position": WORD,
    "option": "option",
    "positions": "positions",
    "names": "names",
    "unasked": WORD,
    "awaited": WORD,
    "awaited_block": "block",
    "managed": WORD,
    "async_managed": WORD,
    "block": "block",
    "partial": "partial",
    "partial_by_name": "by name",
    "partial_config": "given",
    "callable_instance": WORD,
    "method": WORD,
    "functional": "functional",
    "compiled": "compiled",
    "uncompiled": "uncompiled",
}
REFUSED = {
    "State": "State is a class",
    "Model": "Model is a class",
    "Graphlike": "Graphlike is a class",
    "Block": "Block is a class",
    "alias": "is a class",
    "callback": "is a class",
    "instance": "type Model",
    "mapping": "type dict",
    "number": "type int",
    "nothing": "type NoneType",
    "module": "type module",
    "runnable": "type RunnableLambda",
    "a_task": "type _TaskFunction",
    "generator": "contextlib.contextmanager",
    "async_generator": "asynccontextmanager",
    "wants_more": "parameter 'model'",
    "empty": "ValueError: Graph must have an entrypoint",
    "print": "AttributeError",
}
MAKING = """
def raising(config):
    raise RuntimeError("no key")
async def importing(config):
    import making_unparsable
def mapping(config):
    return {"not": "a graph"}
"""


def run(config: Path, graph: str, *flags: str) -> Finished:
    return invoke("run", graph, "--config", config, "--input", "-", *flags, given="{}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of projects that cannot be served."""
    files = {name: text for name, (text, *_) in FAILING.items()}
    files |= {"raising_within": "def fail():\n    raise ValueError('within')\n", "kinds": KINDS}
    made = tmp_path_factory.mktemp("broken")
    project(made, {}, **files)
    return made


@pytest.mark.parametrize("module", FAILING)
def test_a_graph_that_fails_at_import_names_the_place(folder: Path, module: str) -> None:
    config = project(folder, {"graphs": {"c": f"./{module}.py:graph"}})
    _, text, place = FAILING[module]
    check_refusal(run(config, "c"), f"graphs.c (./{module}.py:graph): {text}", f"({folder / place})")


def test_a_graph_of_an_installed_project_names_the_place(tmp_path: Path) -> None:
    """In an environment that has the libraries of this one as well."""
    venv.create(tmp_path / "venv", symlinks=True, with_pip=False)
    [packages] = tmp_path.glob("venv/lib/python*/site-packages")
    libraries = [path for path in sys.path if path.endswith("-packages")]
    packages.joinpath("others.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in libraries)
    )
    packages.joinpath("installed.py").write_text("import os\nraise RuntimeError('no key')\n")
    config = project(tmp_path, {"graphs": {"c": "installed:graph"}})
    done = subprocess.run(
        [tmp_path / "venv/bin/python", *command("run", "c", "--config", config, "--input", "-")[1:]],
        input="{}",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    refusal = Finished(done.returncode, done.stdout, done.stderr)
    check_refusal(refusal, f"graphs.c (installed:graph): RuntimeError: no key ({packages / 'installed.py'}:2)")


@pytest.mark.parametrize("how", ["run", "serve"])
def test_the_whole_traceback_is_logged_at_level_debug(tmp_path: Path, how: str) -> None:
    files = {"calling": "import within\nwithin.fail()\n", "within": "def fail():\n    raise ValueError('within')\n"}
    config = project(tmp_path, {"graphs": {"c": "./calling.py:graph"}}, **files)
    more = ("c", "--config", config, "--input", "-") if how == "run" else (config, "--port", "0")
    failed = treadle(how, *more, "--log-level", "debug", given="{}")
    *logged, last = failed.stderr.splitlines()
    assert (failed.returncode, last.startswith("treadle: ")) == (2, True), failed.stderr
    exception = next(line["exception"] for line in map(json.loads, logged) if line.get("graph") == "c")
    for file in ("treadle/graphs/loading.py", "calling.py", "within.py"):
        assert f'{file}", line' in exception
    assert exception.endswith("ValueError: within")


# Graphs, and factories of graphs


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server of all kinds of graphs, and of factories that fail."""
    document = {
        "graphs": {name: f"./kinds.py:{name}" for name in SERVED}
        | {name: f"./making.py:{name}" for name in ("raising", "importing", "mapping")}
    }
    files = {"kinds": KINDS, "making": MAKING, "making_unparsable": "x = 1\ndef graph(:\n"}
    with serve("--port", "0", config=project(tmp_path_factory.mktemp("kinds"), document, **files)) as process:
        yield process


@pytest.mark.parametrize("name", SERVED)
def test_a_graph_or_what_makes_one_is_served(kinds: Serving, name: str) -> None:
    body = {"assistant_id": name, "input": {}, "config": {"configurable": {"word": WORD}}}
    answer = httpx.post(f"{kinds.url}/runs/wait", json=body, timeout=DEADLINE).json()
    assert answer == {"said": SERVED[name]}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_graph_is_refused_at_the_start(folder: Path, name: str) -> None:
    config = project(folder, {"graphs": {"c": f"./kinds.py:{name}"}})
    check_refusal(run(config, "c"), f"graphs.c (./kinds.py:{name}): ", REFUSED[name])


@pytest.mark.parametrize(
    ("name", "places", "text"),
    [
        ("raising", ["making.py", "line 3"], "RuntimeError: no key"),
        ("importing", ["making.py", "line 5", "making_unparsable.py", "line 2"], "SyntaxError: invalid syntax"),
        ("mapping", ["graphs.mapping (./making.py:mapping)"], "the factory returned dict, which is no graph"),
    ],
)
def test_the_log_tells_where_a_factory_failed(kinds: Serving, name: str, places: list[str], text: str) -> None:
    answer = httpx.post(f"{kinds.url}/runs/wait", json={"assistant_id": name, "input": {}}, timeout=DEADLINE).json()
    assert list(answer) == ["__error__"]
    line = until(lambda: [line for line in kinds.lines() if line.get("graph") == name])[0]
    for part in (*places, text):
        assert part in line["exception"]
