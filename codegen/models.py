"""`treadle_api/models.py` and `results.py`, by datamodel-code-generator."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

from codegen.document import SCHEMA_PREFIX, Document, Schema, mapped
from codegen.generators import HEADER, run
from codegen.normalize import View
from codegen.shapes import without
from codegen.table import Operation

PYDANTIC_ONLY = "customTypePath"
RUNTIME = Path(__file__).parent / "runtime"

_COMMON = (
    "--ignore-pyproject",
    # Dated and immutable: an upgrade of the generator changes no default behind our back.
    *("--preset", "standard-py311-20261027"),
    *("--input-file-type", "openapi"),
    *("--formatters", "builtin"),
    *("--enum-field-as-literal", "all"),
    *("--schema-version-mode", "strict"),
    *("--custom-file-header", HEADER),
    "--disable-timestamp",
    "--strict-refs",
    "--use-field-description",
    "--use-schema-description",
)
_MODELS = (
    *("--output-model-type", "pydantic_v2.BaseModel"),
    *("--target-pydantic-version", "2.14"),
    # Unknown keys belong to the request and are kept.
    *("--extra-fields", "allow"),
    # A field with a default is never None; one without is None when absent (`model_fields_set` tells it from null).
    "--strict-nullable",
    "--no-allow-population-by-field-name",
)
_DICTS = ("--output-model-type", "typing.TypedDict")


def emit_models(view: View, operations: list[Operation], package: Path, scratch: Path) -> None:
    """Write models.py: the classes into which request bodies are loaded."""
    gone = {each.body_model: each.gone_body for each in operations if each.body_model and each.gone_body}
    if gone:
        view = replace(view, document=copy.deepcopy(view.document))
        for name, lost in gone.items():
            _add(view.document["components"]["schemas"][name], lost)
    _generate(view, package / "models.py", scratch / "models.json", *_MODELS)
    shutil.copyfile(RUNTIME / "numbers.py", package / "numbers.py")


def _add(schema: Schema, lost: tuple[str, ...]) -> None:
    """Give the model the fields that handlers read and this edition lacks: no request has them, so they are None."""
    holder = schema
    if "allOf" in schema:
        holder = {"type": "object"}
        schema["allOf"].append(holder)
    holder["properties"] = {**holder.get("properties", {}), **{name: {} for name in lost}}


def emit_results(view: View, package: Path, scratch: Path) -> None:
    """Write results.py: the types of the handlers' answers."""
    _generate(view, package / "results.py", scratch / "results.json", *_DICTS)


def emit_params(view: View, package: Path, scratch: Path) -> None:
    """Write the client's params.py: the types of what stands inside request bodies."""
    package.mkdir(parents=True, exist_ok=True)
    document = mapped(view.document, lambda node: {key: node[key] for key in node if key != PYDANTIC_ONLY})
    document = mapped(document, lambda node: any_keys(node, view.document))
    _generate(replace(view, document=document), package / "params.py", scratch / "params.json", *_DICTS)


def any_keys(node: Schema, document: Document) -> Schema:
    """A reference to an object that says that it has further keys, as a union with any object.

    A TypedDict has none, and type checkers refuse them.
    """
    named = document["components"]["schemas"].get(node.get("$ref", "").removeprefix(SCHEMA_PREFIX), {})
    if named.get("additionalProperties") is not True:
        return node
    return {"anyOf": [{"$ref": node["$ref"]}, {"type": "object"}], **without(node, "$ref")}


def _generate(view: View, output: Path, source: Path, *options: str) -> None:
    document = {**view.document, "paths": {}}
    source.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    run("datamodel_code_generator", *_COMMON, *options, "--input", source, "--output", output)
