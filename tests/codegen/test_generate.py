"""The output as a whole: the same each time, compared with the committed one, and complete for the whole contract."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.document import operations
from codegen.drift import differences, install
from codegen.generators import HEADER
from codegen.structure import fingerprint
from codegen.verify import ROUTES, verify
from tests.codegen.conftest import Made
from tests.codegen.editions import CONTRACT, FIELDS, OVERLAY, PROSE, SCOPE, Workshop, contract, scope


@pytest.fixture
def committed(project: Made, tmp_path: Path) -> Path:
    """A checkout in which everything is current."""
    workshop, output = project
    root = tmp_path / "checkout"
    install(workshop.out, root)
    table = root / ROUTES
    table.parent.mkdir(parents=True)
    table.write_text("\n".join(f"bind(op.{row.name}, handler)" for row in output.operations), encoding="utf-8")
    return root


def test_a_second_run_gives_the_same_bytes(project: Made, workshop: Workshop) -> None:
    workshop.generate()
    assert differences(workshop.out, project[0].out) == []


def test_what_is_installed_is_what_was_made(project: Made, committed: Path) -> None:
    assert differences(project[0].out, committed) == []


def test_each_file_that_is_not_current_is_named(project: Made, committed: Path) -> None:
    generated = committed / "generated"
    models = generated / "treadle_api" / "models.py"
    models.write_text(models.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    (generated / "treadle_client" / "old.py").touch()
    (generated / "treadle_client" / "calls.py").unlink()
    (committed / "docs" / "normalisation.md").write_text("", encoding="utf-8")
    (generated / "treadle_api" / "__pycache__").mkdir()
    (generated / "treadle_api" / "__pycache__" / "models.pyc").touch()
    assert differences(project[0].out, committed) == [
        "stale: docs/normalisation.md",
        "stale: generated/treadle_api/models.py",
        "missing: generated/treadle_client/calls.py",
        "orphan: generated/treadle_client/old.py",
    ]


def test_check_fails_on_an_edited_file_and_an_orphan(
    committed: Path, workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    (committed / "generated" / "orphan.txt").touch()
    results = committed / "generated" / "treadle_api" / "results.py"
    results.write_text("", encoding="utf-8")
    assert main(["--check"], workshop.inputs(), committed) == 1
    printed = capsys.readouterr()
    assert "orphan: generated/orphan.txt\nstale: generated/treadle_api/results.py" in printed.out
    assert printed.err == "codegen: 2 generated files are not current: run make generate\n"
    assert results.read_text(encoding="utf-8") == ""


def test_installing_removes_what_is_no_longer_made(project: Made, committed: Path) -> None:
    stray = committed / "generated" / "treadle_client" / "_generated" / "crons" / "__pycache__"
    stray.mkdir(parents=True)
    (stray.parent / "get_cron.py").touch()
    (stray / "get_cron.pyc").touch()
    install(project[0].out, committed)
    assert not stray.parent.exists()
    assert differences(project[0].out, committed) == []


def test_every_python_file_says_that_it_is_generated(project: Made) -> None:
    files = sorted(project[0].generated.rglob("*.py"))
    assert len(files) > 30
    for path in files:
        assert path.read_text(encoding="utf-8").splitlines()[0] == HEADER, path


def test_provenance_names_the_inputs(project: Made) -> None:
    lines = (project[0].generated / "PROVENANCE").read_text(encoding="utf-8").splitlines()
    assert f"structure {fingerprint(contract())}  {CONTRACT.name}" in lines
    assert "contract LangSmith Deployment 0.1.0, 64 operations, came with langgraph-api 0.16.7" in lines
    for path in (PROSE, OVERLAY, SCOPE, FIELDS):
        assert f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" in lines
    assert "datamodel-code-generator 0.89.0" in lines
    assert "openapi-python-client 0.29.1" in lines


def test_the_documents_give_every_reason(project: Made) -> None:
    workshop, output = project
    corrections = (workshop.out / "docs" / "contract-corrections.md").read_text(encoding="utf-8")
    normalisation = (workshop.out / "docs" / "normalisation.md").read_text(encoding="utf-8")
    for action in output.served.actions:
        assert action.reason in corrections
        assert action.target in corrections
    for firing in (*output.served.repairs, *(firing for view in output.views for firing in view.log)):
        assert firing.rule.reason in normalisation


def test_the_whole_contract_can_be_generated(whole: Made, tmp_path: Path) -> None:
    """Each of the contract's 64 operations and of ours has all its parts, and no generator warns."""
    workshop, output = whole
    ours = set(scope()) - {operation["operationId"] for _, _, operation in operations(contract())}
    assert len(output.operations) == 64 + len(ours)
    table = tmp_path / "routes.py"
    table.write_text("\n".join(f"bind(op.{row.name}, handler)" for row in output.operations), encoding="utf-8")
    verify(output.operations, workshop.generated, table)
    for path in workshop.generated.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))


def test_a_wider_scope_renames_nothing(project: Made, whole: Made) -> None:
    """Clients import these names; they must not change because another operation is served."""
    names = [
        {path.relative_to(made[0].generated).as_posix() for path in made[0].generated.rglob("*.py")}
        for made in (project, whole)
    ]
    assert names[0] <= names[1]
    for module in ("models.py", "results.py"):
        classes = [
            {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
            for text in ((made[0].generated / "treadle_api" / module).read_text("utf-8") for made in (project, whole))
        ]
        assert classes[0] <= classes[1]


def test_a_wider_scope_changes_nothing_that_is_served_and_adds_links(project: Made, whole: Made) -> None:
    narrow, wide = (
        json.loads((made[0].generated / "treadle_api" / "openapi.json").read_text(encoding="utf-8"))
        for made in (project, whole)
    )
    for path, item in narrow["paths"].items():
        for method, operation in item.items():
            wider = wide["paths"][path][method]
            for status, response in operation["responses"].items():
                links, more = response.pop("links", {}), wider["responses"][status].pop("links", {})
                assert links.items() <= more.items()
            assert wider == operation
    for name, schema in narrow["components"]["schemas"].items():
        assert wide["components"]["schemas"][name] == schema


def test_nothing_is_left_in_the_working_folder(project: Made) -> None:
    found = {path.name for path in project[0].generated.rglob("*") if path.is_dir()}
    assert not {name for name in found if name.startswith(".")}
