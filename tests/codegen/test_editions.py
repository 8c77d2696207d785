"""Another edition of the Agent Server document in place of the vendored one."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from codegen.document import Document
from codegen.errors import CodegenError
from tests.codegen.conftest import Made
from tests.codegen.editions import Workshop, contract, merged_streaming, reordered, scope, titled

CREATING = """
import json
from treadle_api import operations as op
import httpx
from treadle_client import Treadle
for operation in (op.create_run, op.wait_run, op.stream_run):
    assert operation.load_body({"assistant_id": "agent", "input": 1}).assistant_id == "agent"
for body in (op.StreamRunBody, op.WaitRunBody):
    assert body.model_validate({"assistant_id": "a"}).on_disconnect == "continue"
    assert body.model_validate({"assistant_id": "a", "on_disconnect": "cancel"}).on_disconnect == "cancel"
seen = []
def answer(request):
    seen.append(json.loads(request.content))
    stream = request.url.path == "/runs/stream"
    media_type = "text/event-stream" if stream else "application/json"
    return httpx.Response(200, headers={"content-type": media_type}, text="" if stream else "{}")
with httpx.Client(transport=httpx.MockTransport(answer)) as http:
    client = Treadle("http://a", http_client=http)
    client.runs.wait("a", on_disconnect="cancel", input={"x": 1}, metadata={"y": [1]})
    client.runs.stream("a", on_disconnect="cancel", input={"x": 1}, metadata={"y": [1]}).output()
    client.runs.wait("a")
sent = {"assistant_id": "a", "on_disconnect": "cancel", "input": {"x": 1}, "metadata": {"y": [1]}}
assert seen == [sent, sent, {"assistant_id": "a"}]
print(json.dumps([operation.name for operation in op.ALL]))
"""


def creating_works(workshop: Workshop) -> list[str]:
    """Import the generated packages in a process of its own, and make bodies; returns the names of the operations."""
    environment = {**os.environ, "PYTHONPATH": str(workshop.generated)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CREATING], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)
    return names


def test_the_vendored_edition(project: Made) -> None:
    workshop, output = project
    assert creating_works(workshop) == [operation.name for operation in output.operations]


def test_keys_in_another_order(workshop: Workshop, project: Made) -> None:
    output = workshop.generate(contract=reordered(contract()))
    assert [row.name for row in output.operations] == [row.name for row in project[1].operations]
    creating_works(workshop)


def test_prose_and_titles_everywhere(workshop: Workshop, project: Made) -> None:
    """Titles name no class: the generated code differs in documentation only."""
    workshop.generate(contract=titled(contract()))
    creating_works(workshop)
    names = [
        {path.relative_to(made.generated).as_posix() for path in made.generated.rglob("*") if path.is_file()}
        for made in (workshop, project[0])
    ]
    assert names[0] == names[1]
    table = "treadle_api/operations.py"
    assert (workshop.generated / table).read_text("utf-8") == (project[0].generated / table).read_text("utf-8")


def test_on_disconnect_inside_the_stateless_schema(workshop: Workshop) -> None:
    """The edition of the seed documents: handlers and clients name bodies by operation, and need no change."""
    output = workshop.generate(contract=merged_streaming())
    bodies = {row.name: row.body for row in output.operations}
    assert {bodies[name] for name in ("create_run", "wait_run", "stream_run")} == {"models.RunCreateStateless"}
    creating_works(workshop)


def extended() -> Document:
    """New schemas, a new operation, a new enum value, a new optional field, other words."""
    document = contract()
    schemas = document["components"]["schemas"]
    properties = schemas["RunCreateStateless"]["properties"]
    properties["durability"]["enum"].append("lazy")
    properties["priority"] = {"type": "integer", "minimum": 0, "description": "New."}
    properties["retry"] = {"type": "object", "properties": {"config": {"$ref": "#/components/schemas/Config"}}}
    properties["assistant_id"]["description"] = "Another description."
    schemas["Budget"] = {"type": "object", "properties": {"usd": {"type": "number"}}}
    properties["budget"] = {"anyOf": [{"$ref": "#/components/schemas/Budget"}, {"type": "null"}]}
    operation: dict[str, Any] = copy.deepcopy(document["paths"]["/runs"]["post"])
    document["paths"]["/runs/simulate"] = {"post": {**operation, "operationId": "simulate_run_post"}}
    return document


def test_an_edition_that_has_grown(workshop: Workshop) -> None:
    output = workshop.generate(contract=extended())
    assert "simulate_run_post" in output.served.left_out["Stateless Runs"]
    models = (workshop.generated / "treadle_api" / "models.py").read_text(encoding="utf-8")
    assert 'Literal["sync", "async", "exit", "lazy"]' in models
    assert "class RunCreateStatelessRetry(BaseModel)" in models
    creating_works(workshop)
    resources = (workshop.generated / "treadle_client" / "resources.py").read_text(encoding="utf-8")
    for argument in (
        'durability: Literal["sync", "async", "exit", "lazy"] | None = None,',
        "priority: int | None = None,",
        "retry: params.RunCreateStatelessRetry | None = None,",
        "budget: params.Budget | None | NotGiven = NOT_GIVEN,",
    ):
        assert resources.count(argument) == 6, argument  # create, wait and stream, of both clients
    assert "priority: New." in resources


def test_an_operation_of_the_scope_is_a_method_of_the_client(workshop: Workshop) -> None:
    workshop.generate(contract=extended(), scope={**scope(), "simulate_run_post": "simulate_run"})
    resources = (workshop.generated / "treadle_client" / "resources.py").read_text(encoding="utf-8")
    assert resources.count("def simulate(") == 2
    assert "import simulate_run\n" in resources


def renamed() -> Document:
    document = contract()
    document["paths"]["/runs/wait"]["post"]["operationId"] = "wait_run_v2"
    return document


def removed() -> Document:
    document = contract()
    del document["paths"]["/runs/stream"]
    return document


def taken() -> Document:
    document = contract()
    document["paths"]["/runs/{run_id}"] = {"get": document["paths"]["/ok"]["get"] | {"operationId": "get_run_http"}}
    return document


@pytest.mark.parametrize(
    ("edition", "message"),
    [
        (renamed, r"has no operation wait_run \(POST /runs/wait, now called wait_run_v2\)"),
        (removed, r"has no operation stream_run \(POST /runs/stream\)"),
        (taken, "GET /runs/{run_id} is in the contract by now"),
    ],
)
def test_an_edition_that_needs_a_decision_says_on_what(workshop: Workshop, edition: Any, message: str) -> None:
    with pytest.raises(CodegenError, match=message):
        workshop.generate(contract=edition())
