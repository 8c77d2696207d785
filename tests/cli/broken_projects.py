"""Broken projects, one for each mistake of real users: the files, and what Treadle says about them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.cli.projects import GRAPH

FORM = '"./file.py:attribute" or "module:attribute"'
GRAPHS_FORM = '"graphs" must name at least one graph, such as {"agent": "./agent.py:graph"}'
NO_GRAPH = "name a graph, a builder or a function that makes one"
# Ten lines of a graph that is fine.
BUILDER = """
from typing import TypedDict
from langgraph.graph import START, StateGraph
class State(TypedDict):
    said: str
def say(state): return {"said": "hello"}
graph = StateGraph(State)

graph.add_node("say", say)
graph.add_edge(START, "say")
"""
AUTH = "from langgraph_sdk import Auth\nauth = Auth()\n"
APP = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
@asynccontextmanager
async def lifespan(app):
    raise ConnectionError("no database")
    yield
app = Starlette(lifespan=lifespan)
"""
SYNCHRONOUS = """
from langgraph.checkpoint.sqlite import SqliteSaver
def saver(): return SqliteSaver.from_conn_string(":memory:")
"""


@dataclass(frozen=True)
class Broken:
    """A project: the text of its `langgraph.json`, None for no such file, and its modules."""

    text: str | None
    said: tuple[str, ...]
    """The message's beginning, behind the path of `langgraph.json`, and further parts of it."""
    place: str | None = None
    """The module and the line that raised, which the message ends with."""
    files: dict[str, str] = field(default_factory=dict)


def document(text: str | None, *said: str) -> Broken:
    """A `langgraph.json` with this text; the graph that it may name is fine."""
    return Broken(text, said)


def graphs(value: Any, *said: str, **files: str) -> Broken:
    """A project with these `graphs`."""
    return Broken(json.dumps({"graphs": value}), said, files=files)


def code(text: str, *said: str, place: str | None = None, attribute: str = "graph", **files: str) -> Broken:
    """A project whose graph is in a file with this text."""
    spec = f"./planner.py:{attribute}"
    text_of = {"planner": text, **files}
    return Broken(json.dumps({"graphs": {"planner": spec}}), (f"graphs.planner ({spec}): ", *said), place, text_of)


def section(key: str, value: Any, *said: str, place: str | None = None, **files: str) -> Broken:
    """A project with a graph that is fine, and with this section."""
    return Broken(json.dumps({"graphs": {"planner": "./planner.py:graph"}, key: value}), said, place, files)


THE_FILE = {
    "no file": document(None, "no such file; name a langgraph.json, or run in its folder"),
    "not JSON": document("graphs:\n  planner: ./planner.py:graph\n", "not valid JSON: ", "line 1 column 1"),
    "empty": document("", "not valid JSON: ", "line 1 column 1"),
    "trailing comma": document('{\n  "graphs": {\n    "planner": "x:y",\n  }\n}\n', "not valid JSON: ", ": line "),
    "comment": document('{\n  // mine\n  "graphs": {}\n}\n', "not valid JSON: ", "line 2 column 3"),
    "a list": document('["./planner.py:graph"]', 'expected an object such as {"graphs": {"agent":'),
    "no graphs": document('{"dependencies": ["."]}', GRAPHS_FORM),
    "empty graphs": document('{"graphs": {}}', GRAPHS_FORM),
    "a list of graphs": document(
        '{"graphs": ["./planner.py:graph"]}', '"graphs" must be an object that names at least one graph'
    ),
}
PATHS = {
    "no attribute": graphs(
        {"planner": "./planner.py"}, f'graphs.planner must be {FORM}, and not "./planner.py"', planner=GRAPH
    ),
    "no .py": graphs({"planner": "./planner:graph"}, f"graphs.planner must be {FORM}", '"./planner:graph"'),
    "no path": graphs({"planner": {"description": "plans"}}, f"graphs.planner must be {FORM}, and not null"),
    "JavaScript": graphs(
        {"planner": "./planner.ts:graph"}, "graphs.planner (./planner.ts:graph): ", "JavaScript", "remove it"
    ),
    "no such graph file": graphs(
        {"planner": "./src/planner.py:graph"}, "graphs.planner (./src/planner.py:graph): ", "no file ", "src/planner.py"
    ),
    "a module that is none": graphs(
        {"planner": "my_planner.main:graph"}, "graphs.planner (my_planner.main:graph): ", "No module named 'my_planner'"
    ),
    "the second of two": graphs(
        {"planner": "./planner.py:graph", "other": "./other.py:graph"}, "graphs.other (./other.py:graph): ", "no file "
    ),
    "description": graphs(
        {"planner": {"path": "./planner.py:graph", "description": ["x"]}},
        "graphs.planner.description must be a string",
    ),
}
CODE = {
    "misspelt attribute": code(GRAPH, "AttributeError: module ", "has no attribute 'grpah'", attribute="grpah"),
    "a call": code("def make(): ...\n", "has no attribute 'make()'", attribute="make()"),
    "package not installed": code("\nimport no_such_package\n", "No module named 'no_such_package'", place="planner:2"),
    "misspelt import": code(
        "from langgraph.graph import StateGrph\n", "cannot import name 'StateGrph'", place="planner:1"
    ),
    "syntax": code("x = 1\ndef make(:\n", "SyntaxError: invalid syntax", place="planner:2"),
    "indentation": code("def make():\nreturn 1\n", "IndentationError: expected an indented block", place="planner:2"),
    "await outside": code(
        "async def make(): ...\ngraph = await make()\n", "'await' outside function", place="planner:2"
    ),
    "a key that is not set": code(
        "import os\nos.environ['NO_SUCH_KEY']\n", "KeyError: 'NO_SUCH_KEY'", place="planner:2"
    ),
    "in a helper": code(
        "import steps\nsteps.load()\n",
        "No such file or directory: '/no/prompt'",
        place="steps:2",
        steps="def load():\n    open('/no/prompt')\n",
    ),
    "sys.exit": code("import sys\nsys.exit('set a key')\n", "SystemExit: set a key", place="planner:2"),
    "circular import": code(
        "from steps import plan\nPROMPT = 'x'\n",
        "ImportError: cannot import name 'PROMPT'",
        place="steps:1",
        steps="from planner import PROMPT\ndef plan(): ...\n",
    ),
    "circular import of helpers": code(
        "import steps\n",
        "cannot import name 'plan' from partially initialized module 'steps' (most likely due to a circular import)",
        place="prompts:1",
        steps="from prompts import PROMPT\ndef plan(): ...\n",
        prompts="from steps import plan\nPROMPT = 'x'\n",
    ),
    "relative import": code(
        "from .base import saying\n",
        "ImportError: attempted relative import with no known parent package",
        place="planner:1",
    ),
    "edge to no node": code(
        f"{BUILDER}graph.add_edge('say', 'sya')\ngraph = graph.compile()\n", "unknown node `sya`", place="planner:12"
    ),
    "edge to no node in a builder": code(f"{BUILDER}graph.add_edge('say', 'sya')\n", "unknown node `sya`"),
    "branch to no node": code(
        f"{BUILDER}graph.add_conditional_edges('say', say, {{'x': 'sya'}})\ngraph = graph.compile()\n",
        "unknown target 'sya'",
        place="planner:12",
    ),
    "no entry": code(BUILDER.replace("START, 'say'", "").partition("graph.add_edge")[0], "edge from START"),
    "node twice": code(f"{BUILDER}graph.add_node('say', say)\n", "Node `say` already present", place="planner:11"),
}
OBJECTS = {
    "a class": code("class Planner: ...\n", f"Planner is a class; {NO_GRAPH}", attribute="Planner"),
    "a comma too many": code(f"{GRAPH.rstrip()},\n", f"an object of type tuple is no graph; {NO_GRAPH}"),
    "a runnable": code(
        "from langchain_core.runnables import RunnableLambda\ngraph = RunnableLambda(print)\n",
        f"an object of type RunnableLambda is no graph; {NO_GRAPH}",
    ),
    "a parameter": code(
        "def make(config, model): ...\n", "'model' has no default; give it one or remove it", attribute="make"
    ),
    "a generator": code("def make(config): yield\n", "contextlib.contextmanager", NO_GRAPH, attribute="make"),
    "an async generator": code("async def make(config): yield\n", "asynccontextmanager", NO_GRAPH, attribute="make"),
}
SECTIONS = {
    "env": section("env", 5, '"env" must be an object of variables, a list of names or the name of a .env file'),
    "env with a name": section("env", {"A=B": "c"}, "env gives 'A=B'", "correct or remove it"),
    "dependencies": section(
        "dependencies", {"langgraph": "*"}, '"dependencies" must be a list of folders and packages, such as ["."]'
    ),
    "auth of no file": section("auth", {"path": "./security.py:auth"}, "auth.path (./security.py:auth): ", "no file "),
    "auth of a text": section("auth", "./security.py:auth", '"auth" must be an object'),
    "auth without path": section(
        "auth", {"pth": "./security.py:auth"}, "auth.path is missing: name the langgraph_sdk.Auth object"
    ),
    "auth of a type": section(
        "auth",
        {"path": "./security.py:auth"},
        "auth.path (./security.py:auth): this is of type dict, and no langgraph_sdk.Auth",
        security="auth = {'token': 'ana'}\n",
    ),
    "a parameter of authenticate": section(
        "auth",
        {"path": "./security.py:auth"},
        "auth.path (./security.py:auth): authenticate has a parameter 'token'; there are: request, body, path",
        security="from langgraph_sdk import Auth\nauth = Auth()\n@auth.authenticate\nasync def who(token): ...\n",
    ),
    "the class Auth": section(
        "auth",
        {"path": "./security.py:Auth"},
        "auth.path (./security.py:Auth): this is the class itself",
        security="from langgraph_sdk import Auth\n",
    ),
    "auth without authenticate": section(
        "auth",
        {"path": "./security.py:auth"},
        "auth.path (./security.py:auth): no handler authenticates; decorate one with @auth.authenticate",
        security=AUTH,
    ),
    "auth with a plain handler": section(
        "auth",
        {"path": "./security.py:auth"},
        "auth.path (./security.py:auth): ",
        "must be an async function",
        place="security:3",
        security=f"{AUTH}@auth.on\ndef on(ctx, value): ...\n",
    ),
    "misspelt auth": section("aut", {"path": "./security.py:auth"}, "aut is unknown; write auth, or remove it"),
    "app": section(
        "http",
        {"app": "./web.py:app"},
        "http.app (./web.py:app): this is of type int, and no application of Starlette or FastAPI",
        web="app = 5\n",
    ),
    "lifespan": section(
        "http",
        {"app": "./web.py:app"},
        "http.app (./web.py:app): its lifespan: ConnectionError: no database",
        place="web:6",
        web=APP,
    ),
    "misspelt cors": section(
        "http", {"cors": {"allow_origin": []}}, "http.cors.allow_origin is unknown; there are: allow_origins, "
    ),
    "cors of a text": section("http", {"cors": {"allow_origins": "*"}}, "http.cors.allow_origins must be a list"),
    "order": section("http", {"middleware_order": "auth"}, "http.middleware_order must be middleware_first or auth_fi"),
    "misspelt switch": section("http", {"disable_thread": True}, "http.disable_thread is not supported", "remove it"),
    "headers": section("http", {"configurable_headers": ["x-a"]}, "http.configurable_headers must be an object"),
    "index without dims": section(
        "store", {"index": {"embed": "./words.py:embed"}}, "store.index.dims must be the number of numbers in a vector"
    ),
    "no embed": section(
        "store",
        {"index": {"embed": "./words.py:embd", "dims": 2}},
        "store.index.embed (./words.py:embd): ",
        "has no attribute 'embd'",
        words="def embed(texts): ...\n",
    ),
    "store of a type": section(
        "store", {"path": "./items.py:store"}, "store.path (./items.py:store): ", "a BaseStore", items="store = {}\n"
    ),
    "store that raises": section(
        "store",
        {"path": "./items.py:store"},
        "store.path (./items.py:store): ConnectionError: no database",
        place="items:2",
        items="def store():\n    raise ConnectionError('no database')\n",
    ),
    "minutes of items": section(
        "store", {"ttl": {"default_ttl": "1h"}}, "store.ttl.default_ttl must be a number of minutes", '"1h"'
    ),
    "checkpointer by name": section("checkpointer", "memory", '"checkpointer" must be an object'),
    "checkpointer without async": section(
        "checkpointer",
        {"path": "./savers.py:saver"},
        "checkpointer.path (./savers.py:saver): ",
        "SqliteSaver has no async methods; name one that has them",
        savers=SYNCHRONOUS,
    ),
    "minutes of threads": section(
        "checkpointer",
        {"ttl": {"default_ttl": "1h"}},
        "checkpointer.ttl.default_ttl must be a number of minutes",
        '"1h"',
    ),
    "strategy": section(
        "checkpointer",
        {"ttl": {"strategy": "delet"}},
        'checkpointer.ttl.strategy must be delete or keep_latest, and not "delet"',
    ),
    "serde": section("checkpointer", {"serde": "json"}, "checkpointer.serde must be an object"),
    "pickle": section(
        "checkpointer", {"serde": {"pickle_fallback": "no"}}, "checkpointer.serde.pickle_fallback must be true or false"
    ),
    "webhooks": section("webhooks", {"urls": {}}, "webhooks.urls: ", "remove it (env_prefix, url, headers are known)"),
    "ports": section(
        "webhooks", {"url": {"allowed_ports": ["443"]}}, "webhooks.url.allowed_ports: ", "is not a list such as [443]"
    ),
    "headers of webhooks": section(
        "webhooks", {"headers": {"x": "${{ env.LG_WEBHOOK_X }}"}}, "webhooks.headers.x: LG_WEBHOOK_X is not set; set it"
    ),
}
BROKEN = {**THE_FILE, **PATHS, **CODE, **OBJECTS, **SECTIONS}
