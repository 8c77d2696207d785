"""`treadle_client/_generated`, by openapi-python-client: request builders and models beneath the documented client."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import CodegenError
from codegen.generators import HEADER, format_python, run
from codegen.normalize import View
from codegen.table import Operation

HERE = Path(__file__).parent
BUILDER = "_get_kwargs"


def emit_client(view: View, package: Path, scratch: Path) -> None:
    """Write the package; it must not exist yet."""
    package.parent.mkdir(parents=True, exist_ok=True)
    source = scratch / "client.json"
    source.write_text(json.dumps(view.document, indent=2, ensure_ascii=False), encoding="utf-8")
    run(
        "openapi_python_client",
        "generate",
        *("--path", source),
        *("--output-path", package),
        *("--meta", "none"),
        *("--config", HERE / "openapi-python-client.yaml"),
        # Without it the generator drops unreadable parts and exits with 0.
        "--fail-on-warning",
    )
    _keep_builders(package)


def _keep_builders(package: Path) -> None:
    """Drop what the documented client does in its own way: sending, reading answers, and the models of answers."""
    for module in (package / "api").glob("*/*.py"):
        text = module.read_text(encoding="utf-8")
        ends = [node.end_lineno for node in ast.parse(text).body if getattr(node, "name", "") == BUILDER]
        if ends:
            module.write_text("\n".join(text.splitlines()[: ends[0]]) + "\n", encoding="utf-8")
    for name in ("client.py", "errors.py"):
        (package / name).unlink()
    (package / "__init__.py").write_text('"""Request builders and models of request bodies."""\n', encoding="utf-8")
    format_python(package / "api")  # without the imports of what was dropped
    _prune_models(package)


def _prune_models(package: Path) -> None:
    """Keep the models that a builder or another kept model imports."""
    folder = package / "models"
    (folder / "__init__.py").write_text('"""Models of request bodies."""\n', encoding="utf-8")
    unused = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.stem != "__init__"}
    waiting = [module.read_text(encoding="utf-8") for module in (package / "api").glob("*/*.py")]
    while waiting:
        named = set(re.findall(r"models\.(\w+) import", waiting.pop())) & set(unused)
        waiting += [unused.pop(name) for name in named]
    for name in unused:
        (folder / f"{name}.py").unlink()


@dataclass(frozen=True, slots=True)
class Builder:
    """The request builder of an operation."""

    parameters: frozenset[str]
    """The names of its arguments."""
    body: tuple[str, str] | None
    """Module and name of the model that its body, or each item of it, is loaded into; None if it has none."""


def builder(operation: Operation, package: Path) -> Builder:
    """Read the request builder that was generated. Raises CodegenError if there is none."""
    module = endpoint(operation, package)
    if not module.exists():
        raise CodegenError(f"operation {operation.name} has no client function: {module.name} was not generated")
    tree = ast.parse(module.read_text(encoding="utf-8"))
    models = {
        alias.name: str(node.module).removeprefix("models.")
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("models.")
        for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == BUILDER:
            arguments = {each.arg: each.annotation for each in (*node.args.args, *node.args.kwonlyargs)}
            body = arguments.get("body")
            names = [each.id for each in ast.walk(body) if isinstance(each, ast.Name)] if body is not None else []
            found = next(((models[name], name) for name in names if name in models), None)
            return Builder(frozenset(arguments), found)
    raise CodegenError(f"operation {operation.name} has no request builder in {module.name}")


def endpoint(operation: Operation, package: Path) -> Path:
    """The generated module of an operation."""
    return package / "api" / operation.tag_module / f"{operation.name}.py"


def mark(api: Path, client: Path) -> None:
    """Put the header on every generated Python file."""
    for path in sorted(path for package in (api, client) for path in package.rglob("*.py")):
        text = path.read_text(encoding="utf-8").removeprefix(HEADER + "\n")
        # openapi-python-client casts lists of anything to their own type.
        pragma = '# mypy: disable-error-code="redundant-cast"\n' if path.parent.name == "models" else ""
        path.write_text(f"{HEADER}\n{pragma}{text}", encoding="utf-8")
