"""`treadle_api/models.py` and `results.py`, by datamodel-code-generator."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from codegen.generators import HEADER, run
from codegen.normalize import View

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
_RESULTS = ("--output-model-type", "typing.TypedDict")


def emit_models(view: View, package: Path, scratch: Path) -> None:
    """Write models.py: the classes into which request bodies are loaded."""
    _generate(view, package / "models.py", scratch / "models.json", *_MODELS)
    shutil.copyfile(RUNTIME / "numbers.py", package / "numbers.py")


def emit_results(view: View, package: Path, scratch: Path) -> None:
    """Write results.py: the types of the handlers' answers."""
    _generate(view, package / "results.py", scratch / "results.json", *_RESULTS)


def _generate(view: View, output: Path, source: Path, *options: str) -> None:
    document = {**view.document, "paths": {}}
    source.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    run("datamodel_code_generator", *_COMMON, *options, "--input", source, "--output", output)
