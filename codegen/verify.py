"""After emitting: each operation in scope has its model, its row, its client function and its handler."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from pathlib import Path

from codegen.client import endpoint
from codegen.errors import CodegenError, stop_at
from codegen.table import Operation

ROUTES = "handlers/treadle/web/routes.py"


def verify(operations: list[Operation], generated: Path, routes: Path, missing: Collection[str] = ()) -> None:
    """Fail on the first operation that lacks something. The missing ones are not in this edition of the contract."""
    _models(operations, generated / "treadle_api")
    _rows(operations, generated / "treadle_api" / "operations.py")
    _client(operations, generated / "treadle_client")
    _handlers(operations, routes, missing)
    _imports(generated / "treadle_api", routes.parents[1])


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), path.name)


def _defined(path: Path) -> set[str]:
    """Names of the classes, functions and variables at the top of a module."""
    names: set[str] = set()
    for node in _parse(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


def _models(operations: list[Operation], package: Path) -> None:
    names = {module: _defined(package / f"{module}.py") for module in ("models", "results")}
    for operation in operations:
        for module, name in re.findall(r"\b(models|results)\.(\w+)", f"{operation.body} {operation.result}"):
            if name not in names[module]:
                raise CodegenError(f"operation {operation.name} has no model {name} in {module}.py")


def _rows(operations: list[Operation], table: Path) -> None:
    names = _defined(table)
    for operation in operations:
        if operation.name not in names:
            raise CodegenError(f"operation {operation.name} has no row in {table.name}")


def _client(operations: list[Operation], package: Path) -> None:
    called = set(re.findall(r"import (\w+)\n", (package / "resources.py").read_text(encoding="utf-8")))
    for operation in operations:
        module = endpoint(operation, package / "_generated")
        if not module.exists():
            raise CodegenError(f"operation {operation.name} has no client function: {module.name} was not generated")
        if "_get_kwargs" not in _defined(module):
            raise CodegenError(f"operation {operation.name} has no request builder in {module.name}")
        if operation.name not in called:
            raise CodegenError(f"operation {operation.name} has no method in the client's resources.py")


def _handlers(operations: list[Operation], routes: Path, missing: Collection[str]) -> None:
    bound = [name for name, _ in bindings(routes)] if routes.exists() else []
    for operation in operations:
        if operation.name not in bound:
            raise CodegenError(f"operation {operation.name} has no handler in {ROUTES}")
        if bound.count(operation.name) > 1:
            raise CodegenError(f"operation {operation.name} is bound twice in {ROUTES}")
    if strangers := sorted(set(bound) - {operation.name for operation in operations} - set(missing)):
        raise CodegenError(f"{ROUTES} binds {strangers[0]}, which is not in scope.toml")


def _imports(package: Path, server: Path) -> None:
    """The server has to start: what it imports of the models by name is there."""
    complaints = []
    for path in sorted(server.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for module in ("models", "results"):
            if f"treadle_api.{module} import" not in text:
                continue
            names = {
                alias.name
                for node in ast.parse(text, path.name).body
                if isinstance(node, ast.ImportFrom) and node.module == f"treadle_api.{module}"
                for alias in node.names
            }
            complaints += [
                f"{path.relative_to(server.parent)} imports {name}, and {module}.py of this edition has no such class"
                for name in sorted(names - _defined(package / f"{module}.py"))
            ]
    stop_at(complaints)


def bindings(routes: Path) -> list[tuple[str, ast.expr]]:
    """Name and handler of each call `bind(op.name, handler)`."""
    return [
        (node.args[0].attr, node.args[1])
        for node in ast.walk(_parse(routes))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "bind"
        and len(node.args) > 1
        and isinstance(node.args[0], ast.Attribute)
        and isinstance(node.args[0].value, ast.Name)
        and node.args[0].value.id == "op"
    ]
