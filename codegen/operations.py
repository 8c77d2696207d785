"""`treadle_api/operations.py`: the typed table of operations that handlers are bound to."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from codegen.generators import HEADER
from codegen.hoisting import camel
from codegen.spec import LeftOut, Missing
from codegen.table import Operation

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, operations: list[Operation], **more: Any) -> str:
    """A template of this package, filled in."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["repr"] = repr
    return environment.get_template(template).render(header=HEADER, operations=operations, **more)


def emit_operations(operations: list[Operation], left_out: LeftOut, missing: list[Missing], package: Path) -> None:
    """Write operations.py."""
    absent = [(each, camel(each.name), *each.at.partition(" ")[::2]) for each in missing]
    unserved = sorted(place for by_id in left_out.values() for place in by_id.values())
    text = render("operations.py.jinja", operations, unserved=unserved, absent=absent)
    (package / "operations.py").write_text(text, encoding="utf-8")


def inside_docstring(text: str) -> str:
    """The text as it stands between the quotes of a docstring."""
    return inspect.cleandoc(text).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
