"""The facts that the templates need of each operation, read from the served document and its views."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from codegen.document import (
    ITEM_SCHEMA,
    JSON,
    SCHEMA_PREFIX,
    SSE,
    Document,
    Pointer,
    join,
    operations,
    resolve,
    split,
    types,
)
from codegen.errors import CodegenError
from codegen.handled import NOTHING_GONE, Gone
from codegen.hoisting import camel
from codegen.normalize import View
from codegen.spec import Scope, tag_of

Kind = Literal["string", "uuid", "integer", "number", "boolean", "array", "repeated"]
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One path, query or header parameter."""

    name: str
    field: str
    location: str
    required: bool
    pointer: str
    kind: Kind
    allow_empty: bool
    type: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the operation table."""

    name: str
    operation_id: str
    method: str
    path: str
    tag: str
    summary: str
    body: str | None
    body_pointer: str | None
    body_required: bool
    parameters: tuple[Parameter, ...]
    status: int
    media_type: str | None
    statuses: tuple[int, ...]
    result: str
    gone_parameters: tuple[str, ...] = ()
    """Fields of parameters that its handler reads, and that this edition of the contract does not have."""
    gone_body: tuple[str, ...] = ()
    """The same for fields of its body."""

    @property
    def title(self) -> str:
        """The prefix of the operation's types: `CreateRun`."""
        return camel(self.name)

    @property
    def heading(self) -> str:
        """The docstring in generated code."""
        return f"{self.method} {self.path}" + (f": {self.summary}" if self.summary else "")

    @property
    def body_model(self) -> str | None:
        """The schema of the body, if it has a name."""
        return self.body.removeprefix("models.") if self.body and self.body.startswith("models.") else None

    @property
    def is_stream(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.media_type == SSE

    @property
    def tag_module(self) -> str:
        """The client's module for the tag."""
        return snake(self.tag)


def snake(name: str) -> str:
    """`Last-Event-ID` as `last_event_id`."""
    words = re.sub(r"\W+", "_", name).strip("_").lower()
    return words + "_" if keyword.iskeyword(words) else words


def read(served: Document, scope: Scope, bodies: View, results: View, gone: Gone = NOTHING_GONE) -> list[Operation]:
    """All operations, in the order in which routes must be tried."""
    found = []
    for path, method, operation in operations(served):
        name = scope[operation["operationId"]]
        row = _operation(served, name, path, method, bodies, results)
        lost = gone.get(name, {})
        parameters = tuple(map(snake, lost.get("parameters", ())))
        found.append(replace(row, gone_parameters=parameters, gone_body=tuple(lost.get("body", ()))))
    return sorted(found, key=_routing_order)


def _routing_order(operation: Operation) -> tuple[list[tuple[bool, str]], str]:
    # `/runs/crons/search` before `/runs/crons/{cron_id}`.
    return [(part.startswith("{"), part) for part in operation.path.split("/")], operation.method


def _operation(served: Document, name: str, path: str, method: str, bodies: View, results: View) -> Operation:
    base: Pointer = ("paths", path, method)
    node = served["paths"][path][method]
    body, body_pointer, body_required = _body(served, base, bodies)
    status, media_type = _success(served, base)
    return Operation(
        name=name,
        operation_id=node["operationId"],
        method=method.upper(),
        path=path,
        tag=tag_of(node),
        summary=" ".join(str(node.get("summary", "")).split()),
        body=body,
        body_pointer=body_pointer,
        body_required=body_required,
        parameters=tuple(_parameters(served, base)),
        status=status,
        media_type=media_type,
        statuses=tuple(sorted(int(code) for code in node["responses"] if code.isdecimal())),
        result=_result(results, base, status, media_type),
    )


def _body(served: Document, base: Pointer, bodies: View) -> tuple[str | None, str | None, bool]:
    operation = served["paths"][base[1]][base[2]]
    if "requestBody" not in operation:
        return None, None, False
    body, pointer = resolve(served, (*base, "requestBody"))
    if JSON not in body["content"]:
        raise CodegenError(
            f"{operation['operationId']}: its body is {', '.join(body['content'])}; only {JSON} is supported"
        )
    view, _ = resolve(bodies.document, (*base, "requestBody"))
    schema = view["content"][JSON].get("schema", {})
    return python_type(schema, "models"), join((*pointer, "content", JSON, "schema")), bool(body.get("required"))


def _success(served: Document, base: Pointer) -> tuple[int, str | None]:
    operation = served["paths"][base[1]][base[2]]
    codes = sorted(code for code in operation["responses"] if re.fullmatch(r"2\d\d", code))
    if not codes:
        # Such an operation only ever refuses.
        codes = sorted(code for code in operation["responses"] if code.isdecimal())
    if not codes:
        raise CodegenError(f"{operation['operationId']}: declares no status")
    response, _ = resolve(served, (*base, "responses", codes[0]))
    content = list(response.get("content", {}))
    return int(codes[0]), JSON if JSON in content else content[0] if content else None


def _result(results: View, base: Pointer, status: int, media_type: str | None) -> str:
    response = results.document["paths"][base[1]][base[2]]["responses"].get(str(status), {})
    media = response.get("content", {}).get(media_type, {})
    if media_type is None:
        return "None"
    if media_type == SSE:
        return python_type(media[ITEM_SCHEMA], "results") if ITEM_SCHEMA in media else "str"
    return python_type(media.get("schema", {} if media_type == JSON else {"type": "string"}), "results")


def _parameters(served: Document, base: Pointer) -> list[Parameter]:
    merged: dict[tuple[str, str], Parameter] = {}
    for holder in (base[:2], base):
        node: Any = served["paths"][base[1]] if holder == base[:2] else served["paths"][base[1]][base[2]]
        for index in range(len(node.get("parameters", []))):
            parameter = _parameter(served, (*holder, "parameters", str(index)))
            if parameter:
                merged[parameter.location, parameter.name] = parameter
    return list(merged.values())


def _parameter(served: Document, place: Pointer) -> Parameter | None:
    node, pointer = resolve(served, place)
    if node["in"] == "cookie":
        return None
    schema, _ = resolve(served, (*pointer, "schema"))
    kind = _kind(served, schema)
    required = bool(node.get("required"))
    type_ = _parameter_type(served, schema, kind)
    default = None
    if not required:
        default = repr(schema["default"]) if schema.get("default") is not None else "None"
        if kind == "array" and default != "None":
            default = f"field(default_factory=lambda: {default})"
        type_ = type_ if default != "None" else f"{type_} | None"
    return Parameter(
        name=node["name"],
        field=snake(node["name"]),
        location=node["in"],
        required=required,
        pointer=join((*pointer, "schema")),
        # A list that says how it is spelled is spelled so; others come in any form that clients use.
        kind="repeated" if kind == "array" and node.get("explode") else kind,
        allow_empty=bool(node.get("allowEmptyValue")),
        type=type_,
        default=default,
    )


def _branches(served: Document, schema: Any) -> list[Any]:
    if "$ref" in schema:
        return _branches(served, resolve(served, split(schema["$ref"]))[0])
    unions = [branch for keyword_ in ("anyOf", "oneOf") for branch in schema.get(keyword_, [])]
    parts = [part for branch in unions for part in _branches(served, branch)] or [schema]
    return [part for part in parts if types(part) != ["null"]]


def _kind(served: Document, schema: Any) -> Kind:
    branches = _branches(served, schema)
    kinds = [next((kind for kind in types(branch) if kind != "null"), "string") for branch in branches]
    if "array" in kinds:
        return "array"
    if all(kind == "string" for kind in kinds):
        return "uuid" if all(branch.get("format") == "uuid" for branch in branches) else "string"
    # For `boolean or integer`, a text is read as a number, or else as true or false.
    return next(kind for kind in ("integer", "number", "boolean", "string") if kind in kinds)


def _parameter_type(served: Document, schema: Any, kind: Kind) -> str:
    branches = _branches(served, schema)
    if kind == "string" and not all("enum" in branch for branch in branches):
        # `a UUID, or the name of a graph` is a text.
        return "str"
    if kind == "array":
        items = [branch.get("items", {}) if "array" in types(branch) else branch for branch in branches]
        return f"list[{_union(part for item in items for part in (_scalar(b) for b in _branches(served, item)))}]"
    return _union(_scalar(branch) for branch in branches)


def _union(parts: Any) -> str:
    return " | ".join(dict.fromkeys(parts))


def _scalar(schema: Any) -> str:
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if schema.get("format") == "uuid":
        return "UUID"
    return _union(_SCALARS.get(kind, "Any") for kind in types(schema)) or "str"


def python_type(schema: Any, module: str) -> str:
    """The Python type of a view's schema; its named parts are classes of the module."""
    if "$ref" in schema:
        return f"{module}.{schema['$ref'].removeprefix(SCHEMA_PREFIX)}"
    for keyword_ in ("anyOf", "oneOf"):
        if keyword_ in schema:
            return _union(python_type(branch, module) for branch in schema[keyword_])
    if "enum" in schema:
        return _scalar(schema)
    parts = []
    for kind in types(schema):
        if kind == "array":
            parts.append(f"list[{python_type(schema.get('items', {}), module)}]")
        elif kind == "object":
            values = schema.get("additionalProperties")
            parts.append(f"dict[str, {python_type(values, module) if isinstance(values, dict) else 'Any'}]")
        else:
            parts.append(_SCALARS[kind])
    return _union(parts) or "Any"
