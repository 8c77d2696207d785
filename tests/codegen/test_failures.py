"""Faulty inputs are refused in one line that names the place."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.client import HERE
from codegen.document import operations
from codegen.errors import CodegenError
from codegen.generators import run
from codegen.models import _COMMON, _MODELS
from codegen.spec import serve
from codegen.verify import ROUTES, verify
from tests.codegen.conftest import Made
from tests.codegen.editions import CONTRACT, Workshop, contract, overlay, scope

ROUTES_OF = "from treadle_api import operations as op\n\nbindings = [\n{}\n]\n"


def refusal(workshop: Workshop, **parts: object) -> str:
    """The line that the inputs are refused with."""
    inputs = workshop.inputs(**parts)  # type: ignore[arg-type]
    with pytest.raises(CodegenError) as caught:
        serve(inputs)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_an_operation_without_an_id(workshop: Workshop) -> None:
    document = contract()
    del document["paths"]["/store/items"]["put"]["operationId"]
    assert "PUT /store/items has no operationId" in refusal(workshop, contract=document)


def test_two_operations_with_one_id(workshop: Workshop) -> None:
    document = contract()
    document["paths"]["/ok"]["get"]["operationId"] = "run_stateless_runs_post"
    assert "have the same operationId run_stateless_runs_post" in refusal(workshop, contract=document)


def test_two_operations_with_one_name(workshop: Workshop) -> None:
    line = refusal(workshop, scope=scope() | {"run_batch_stateless_runs_post": "create_run"})
    assert line.endswith("run_stateless_runs_post and run_batch_stateless_runs_post are both called create_run")


@pytest.mark.parametrize("name", ["createRun", "create-run", "class", "models", "create__run", ""])
def test_a_name_that_python_or_the_client_would_spell_otherwise(workshop: Workshop, name: str) -> None:
    line = refusal(workshop, scope=scope() | {"run_batch_stateless_runs_post": name})
    assert f"run_batch_stateless_runs_post: {name!r} is no usable name" in line


def test_a_field_of_an_answer_with_the_name_that_results_need_themselves(workshop: Workshop) -> None:
    document = contract()
    document["components"]["schemas"]["Item"]["properties"]["extra"] = {"type": "string"}
    with pytest.raises(CodegenError, match="a field called extra has no attribute"):
        workshop.generate(contract=document)


def test_a_stale_scope_entry(workshop: Workshop) -> None:
    line = refusal(workshop, scope=scope() | {"resume_run_post": "resume_run"})
    assert line.startswith("scope.toml: this edition has no operation resume_run (resume_run_post")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"target": "$.paths['/gone'].get", "update": {}}, r"\(\$.paths\['/gone'\].get\): matches nothing"),
        ({"target": "$.paths[", "update": {}}, "not a JSONPath"),
        ({"target": "$.info", "update": {}, "description": " "}, "must say why"),
        ({"target": "$.info"}, "needs either"),
        ({"target": "$.info", "update": {}, "x-default": {}}, "needs either"),
        ({"target": "$.paths['/gone'].get", "x-default": {}}, r"\(\$.paths\['/gone'\].get\): matches nothing"),
        ({"target": "$.info", "update": {}, "copy": "$.x"}, "unknown key 'copy'"),
        ({"target": "$.components.schemas", "update": {"Send": {}}}, "Send is in the contract by now"),
        ({"target": "$.paths", "update": {"/runs": {"post": {}}}}, "POST /runs is in the contract by now"),
    ],
)
def test_an_overlay_action(workshop: Workshop, action: dict[str, object], message: str) -> None:
    changed = overlay()
    changed["actions"].append({"description": "A reason.", **action})
    line = refusal(workshop, overlay=changed)
    written = workshop.inputs(overlay=changed).overlay.read_text(encoding="utf-8").splitlines()
    place = re.match(r"overlay\.yaml:(\d+) ", line)
    assert place
    assert written[int(place[1]) - 1].startswith("- ")
    assert all(not each.startswith("- ") for each in written[int(place[1]) :])  # the last action
    assert re.search(message, line)


def test_an_invalid_served_document(workshop: Workshop) -> None:
    document = contract()
    document["paths"]["/runs"]["post"]["responses"]["410"] = {"content": {}}
    assert refusal(workshop, contract=document).startswith("served document, #/paths/~1runs/post/responses/410")


@pytest.mark.parametrize("text", ["", "[]", '{"openapi": "3.0.3"}'])
def test_a_file_that_is_no_contract(tmp_path: Path, workshop: Workshop, text: str) -> None:
    path = tmp_path / "agent.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CodegenError, match=r"^agent\.json: "):
        serve(dataclasses.replace(workshop.inputs(), contract=path))


def test_a_body_that_is_not_json(workshop: Workshop) -> None:
    document = contract()
    content = document["paths"]["/runs"]["post"]["requestBody"]["content"]
    content["text/plain"] = content.pop("application/json")
    with pytest.raises(CodegenError, match="run_stateless_runs_post: its body is text/plain"):
        workshop.generate(contract=document)


def test_a_path_parameter_that_is_not_declared(workshop: Workshop) -> None:
    changed = overlay()
    paths = next(action["update"] for action in changed["actions"] if "/runs/{run_id}" in action.get("update", ()))
    paths["/runs/{run_id}"]["get"]["parameters"] = []
    assert "'/runs/{run_id}' was not resolved" in refusal(workshop, overlay=changed)


def test_a_warning_of_the_client_generator_names_the_operation(tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=r"WARNING parsing POST /\S+ within") as caught:
        run(
            "openapi_python_client",
            "generate",
            *("--path", CONTRACT),
            *("--output-path", tmp_path / "client"),
            *("--meta", "none", "--fail-on-warning"),
            *("--config", HERE / "openapi-python-client.yaml"),
        )
    assert "object at 0x" not in str(caught.value)


def test_a_warning_of_the_model_generator_is_an_error(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "strange"}}}
    document = {"openapi": "3.1.0", "info": {"title": "", "version": ""}, "components": {"schemas": {"A": schema}}}
    source = tmp_path / "models.json"
    source.write_text(json.dumps({**document, "paths": {}}), encoding="utf-8")
    with pytest.raises(CodegenError, match=r"^datamodel_code_generator: UserWarning: format of 'strange'"):
        run("datamodel_code_generator", *_COMMON, *_MODELS, "--input", source, "--output", tmp_path / "models.py")


def routes(folder: Path, *names: str) -> Path:
    """A routing table that binds the names."""
    path = folder / "routes.py"
    path.write_text(ROUTES_OF.format("\n".join(f"    bind(op.{name}, handler)," for name in names)), encoding="utf-8")
    return path


def test_each_operation_needs_its_handler(tmp_path: Path, project: Made) -> None:
    workshop, output = project
    names = [operation.name for operation in output.operations]
    verify(output.operations, workshop.generated, routes(tmp_path, *names))
    for bound, message in [
        (names[1:], f"operation {names[0]} has no handler in {ROUTES}"),
        ([], f"operation {names[0]} has no handler in {ROUTES}"),
        ([*names, names[2]], f"operation {names[2]} is bound twice"),
        ([*names, "fly_run"], "binds fly_run, which is not in scope.toml"),
    ]:
        with pytest.raises(CodegenError, match=message):
            verify(output.operations, workshop.generated, routes(tmp_path, *bound))
    with pytest.raises(CodegenError, match="has no handler"):
        verify(output.operations, workshop.generated, tmp_path / "none.py")


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("treadle_client/_generated/api/stateless_runs/create_run.py", "operation create_run has no client function"),
        ("treadle_client/resources.py", r"operation \w+ has no method in the client's resources\.py"),
        ("treadle_api/models.py", r"operation \w+ has no model \w+ in models\.py"),
        ("treadle_api/operations.py", r"operation \w+ has no row in operations\.py"),
    ],
)
def test_each_operation_needs_what_is_generated_for_it(tmp_path: Path, project: Made, lost: str, message: str) -> None:
    workshop, output = project
    generated = tmp_path / "generated"
    shutil.copytree(workshop.generated, generated)
    if lost.startswith("treadle_client/_generated"):
        (generated / lost).unlink()
    else:
        (generated / lost).write_text("", encoding="utf-8")
    with pytest.raises(CodegenError, match=message):
        verify(output.operations, generated, tmp_path / "routes.py")


def test_the_command_says_one_line_and_exits_with_1(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = workshop.inputs(scope=scope() | {"resume_run_post": "resume_run"})
    assert main([], inputs, workshop.out) == 1
    said = capsys.readouterr().err
    assert said.startswith("codegen: scope.toml: this edition has no operation resume_run (resume_run_post)")
    assert said.count("\n") == 1
    assert not workshop.out.exists()


def test_the_command_writes_and_then_misses_the_handlers(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = dataclasses.replace(workshop.inputs())
    assert main([], inputs, workshop.out) == 1
    printed = capsys.readouterr()
    left_out = len({operation["operationId"] for _, _, operation in operations(contract())} - set(scope()))
    assert re.fullmatch(rf"codegen: operation \w+ has no handler in {re.escape(ROUTES)}\n", printed.err)
    assert f"in the contract, not in scope: {left_out} operations" in printed.out
    assert (workshop.generated / "treadle_api" / "models.py").exists()
