"""Other editions of the contract, made from the vendored one, and the folders to generate them in."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codegen.document import Document, operations
from codegen.overlay import LOADER
from codegen.pipeline import Output, generate
from codegen.spec import ROOT, Inputs, load_attributes

CONTRACT = ROOT / "agent-server-openapi.json"
OVERLAY = ROOT / "codegen" / "overlay.yaml"
SCOPE = ROOT / "codegen" / "scope.toml"
PROSE = ROOT / "codegen" / "prose.yaml"
FIELDS = ROOT / "codegen" / "fields.toml"


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder with inputs of its own."""

    folder: Path

    @property
    def out(self) -> Path:
        """Where the output goes."""
        return self.folder / "out"

    @property
    def generated(self) -> Path:
        """The folder of generated packages."""
        return self.out / "generated"

    def inputs(
        self,
        *,
        contract: Document | None = None,
        overlay: Any | None = None,
        scope: dict[str, str] | None = None,
        allow_missing: bool = False,
    ) -> Inputs:
        """The project's inputs, with the given parts in place of its own."""
        paths: dict[str, Any] = {"contract": CONTRACT, "overlay": OVERLAY, "scope": SCOPE}
        if contract is not None:
            paths["contract"] = self._write("contract.json", json.dumps(contract))
        if overlay is not None:
            paths["overlay"] = self._write("overlay.yaml", yaml.safe_dump(overlay))
        if scope is not None:
            lines = [f"{json.dumps(operation_id)} = {json.dumps(name)}" for operation_id, name in scope.items()]
            attributes = [f"{json.dumps(tag)} = {json.dumps(name)}" for tag, name in load_attributes(SCOPE).items()]
            paths["scope"] = self._write("scope.toml", "\n".join(["[operations]", *lines, "[attributes]", *attributes]))
        return Inputs(**paths, allow_missing=allow_missing)

    def generate(self, **parts: Any) -> Output:
        """Generate the whole output from the inputs."""
        self.out.mkdir()
        return generate(self.inputs(**parts), self.out)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def contract() -> Document:
    """The vendored contract."""
    document: Document = json.loads(CONTRACT.read_text(encoding="utf-8"))
    return document


def overlay() -> dict[str, Any]:
    """The project's overlay."""
    document: dict[str, Any] = yaml.load(OVERLAY.read_text(encoding="utf-8"), LOADER)
    return copy.deepcopy(document)


def scope() -> dict[str, str]:
    """The project's scope."""
    operation_ids: dict[str, str] = tomllib.loads(SCOPE.read_text(encoding="utf-8"))["operations"]
    return operation_ids


def whole_scope() -> dict[str, str]:
    """Every operation of the contract, those of the project's scope under their names."""
    chosen = scope()
    for path, method, operation in operations(contract()):
        operation_id = operation["operationId"]
        suffix = re.sub(r"\W", "_", path) + f"_{method}"
        name = re.sub("_+", "_", operation_id.removesuffix(suffix)).strip("_")
        while name in chosen.values():
            name = f"other_{name}"
        chosen.setdefault(operation_id, name)
    return chosen


def reordered(node: Any) -> Any:
    """The same document with every mapping in reverse order."""
    if isinstance(node, dict):
        return {key: reordered(value) for key, value in reversed(node.items())}
    return [reordered(item) for item in node] if isinstance(node, list) else node


def titled(node: Any, name: str = "Document") -> Any:
    """The same document with a title on every schema that has a type, as FastAPI writes them."""
    if isinstance(node, dict):
        changed = {key: titled(value, key) for key, value in node.items()}
        if isinstance(node.get("type"), str | list) and "in" not in node:
            changed.setdefault("title", name.replace("_", " ").title())
            changed.setdefault("description", f'Says "what" {name} is.\n\nWith `code` and \\ and {{braces}}.')
        return changed
    return [titled(item, name) for item in node] if isinstance(node, list) else node


def merged_streaming() -> Document:
    """The edition of early 2026: `on_disconnect` inside RunCreateStateless, the streaming schema gone."""
    document = contract()
    schemas = document["components"]["schemas"]
    extra = schemas.pop("RunCreateStreamingStateless")["allOf"][1]["properties"]
    schemas["RunCreateStateless"]["properties"] |= extra
    text = json.dumps(document).replace("/RunCreateStreamingStateless", "/RunCreateStateless")
    return {**titled(json.loads(text)), "servers": [], "security": []}
