"""All cells that tests have to show: the fields and statuses of each operation in the served document."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import treadle_api.operations as op
from codegen import fields as contract
from codegen.document import resolve, split
from treadle.runs.request import _EXTENSIONS

Schema = dict[str, Any]
Operation = op.Operation[Any, Any, Any]
Cell = tuple[str, str]
"""An operation's name, and a field (`config.tags`), one value of a field (`action=rollback`) or a status (`404`)."""

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in op.ALL}
CREATES = ("create_run", "wait_run", "stream_run", "create_run_batch")
ALL_CREATES = " ".join(CREATES)
NEVER = "never sent"

# Fields not simply honoured, and statuses not simply sent.
_OTHERWISE = {
    ("create_run create_run_batch", "on_disconnect=cancel,continue"): "no effect",
    (ALL_CREATES, "if_not_exists multitask_strategy strict_resume"): "no effect",
    (ALL_CREATES, "checkpoint checkpoint_id"): "passed on",
    (ALL_CREATES, "command.resume"): "refused (400)",
    ("health_check", "500"): NEVER,
}


def product(operations: str, fields: str) -> list[Cell]:
    """Each of some operations with each of some fields, separated by spaces; `action=a,b` is two values of a field."""
    named = []
    for field in fields.split():
        name, equals, values = field.partition("=")
        named += [name + equals + value for value in values.split(",")]
    return [(operation, field) for operation in operations.split() for field in named]


VERDICTS = {cell: verdict for pair, verdict in _OTHERWISE.items() for cell in product(*pair)}


def verdict(cell: Cell) -> str:
    """The verdict on a cell, such as `honoured` or `sent`."""
    return VERDICTS.get(cell) or ("sent" if cell[1].isdigit() else "honoured")


def fields(operation: Operation) -> list[str]:
    """Parameters and body fields, with the values of enums; then the fields that only clients know."""
    read = [
        each for known in operation.parameters for each in contract.fields(_DOCUMENT, known.name, _at(known.pointer))
    ]
    if operation.body_pointer is not None:
        body = _at(operation.body_pointer)
        read += contract.of_schema(_DOCUMENT, body.get("items", body))
    found = [row for each in read for row in each.rows]
    if operation.name in CREATES:
        listed = [field for name, field in VERDICTS if name == operation.name and not field.isdigit()]
        found += [*sorted(_EXTENSIONS), *listed]
    return list(dict.fromkeys(found))


def statuses(operation: Operation) -> list[str]:
    """The declared statuses."""
    return [str(status) for status in sorted(operation.statuses)]


def cells() -> list[Cell]:
    """All cells to show."""
    return [(name, row) for name, each in OPERATIONS.items() for row in (*fields(each), *statuses(each))]


_DOCUMENT: Schema = json.loads(files("treadle_api").joinpath("openapi.json").read_bytes())


def _at(pointer: str) -> Schema:
    schema: Schema = resolve(_DOCUMENT, split(pointer))[0]
    return schema
