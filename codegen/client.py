"""`treadle_client`, by openapi-python-client, with a runtime of our own for streams."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from codegen.generators import HEADER, run
from codegen.normalize import View
from codegen.operations import render
from codegen.table import Operation

HERE = Path(__file__).parent


def emit_client(view: View, operations: list[Operation], package: Path, scratch: Path) -> None:
    """Write the package; it must not exist yet."""
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
    (package / "sse.py").write_text((HERE / "runtime" / "sse.py").read_text(encoding="utf-8"), encoding="utf-8")
    (package / "streams.py").write_text(render("streams.py.jinja", operations), encoding="utf-8")
    (package / "bodies.py").write_text(
        render("bodies.py.jinja", operations, bodies=bodies(operations, package)), "utf-8"
    )
    (package / "py.typed").touch()


def bodies(operations: list[Operation], package: Path) -> dict[str, str]:
    """The type of each operation's body, as the generated function for it spells it."""
    found = {}
    for operation in operations:
        module = endpoint(operation, package)
        if operation.body is not None and module.exists():
            found[operation.title] = _body(ast.parse(module.read_text(encoding="utf-8")))
    return found


def _body(module: ast.Module) -> str:
    models: set[str] = set()
    annotation = "Any"
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models."):
            models.update(alias.name for alias in node.names)
        if isinstance(node, ast.FunctionDef) and node.name == "_get_kwargs":
            for argument in node.args.kwonlyargs:
                if argument.arg == "body" and argument.annotation:
                    annotation = ast.unparse(argument.annotation).removesuffix(" | Unset")
    return re.sub(r"\w+", lambda word: f"models.{word[0]}" if word[0] in models else word[0], annotation)


def endpoint(operation: Operation, package: Path) -> Path:
    """The generated module of an operation."""
    return package / "api" / operation.tag_module / f"{operation.name}.py"


def mark(api: Path, client: Path) -> None:
    """Put the header on every generated Python file."""
    for path in sorted(path for package in (api, client) for path in package.rglob("*.py")):
        text = path.read_text(encoding="utf-8").removeprefix(HEADER + "\n")
        # openapi-python-client casts lists of anything to their own type.
        pragma = '# mypy: disable-error-code="redundant-cast"\n' if path.parent == client / "models" else ""
        path.write_text(f"{HEADER}\n{pragma}{text}", encoding="utf-8")
