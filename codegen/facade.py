"""The client's documented API: tag -> attribute, operation -> method, field -> keyword argument."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codegen.client import Builder, builder
from codegen.document import JSON, SCHEMA_PREFIX, Document, mapped, properties_of, resolve
from codegen.errors import CodegenError
from codegen.hoisting import camel
from codegen.models import any_keys
from codegen.normalize import View
from codegen.operations import inside_docstring, render
from codegen.spec import Served
from codegen.table import Operation, Parameter, python_type, snake

RUNTIME = Path(__file__).parent / "runtime" / "treadle_client"
REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
KEY, HEARTBEATS = "Idempotency-Key", "x-heartbeats"
ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    408: "RequestTimeoutError",
    409: "ConflictError",
    413: "ContentTooLargeError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    431: "HeadersTooLargeError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}
"""The exceptions of statuses; that of another one is named by its number."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a method."""

    name: str
    wire: str
    in_body: bool
    """Whether it is a field of the body, or the body itself; else it stands in the path, the query or a header."""
    type: str
    required: bool
    nullable: bool
    """Whether null is a value of its own."""
    text: str
    builder: str = ""
    """Its name in the request builder, which writes `format_` for `format`."""

    @property
    def default(self) -> str:
        """As Python source; empty if it has none."""
        return "" if self.required else "NOT_GIVEN" if self.nullable else "None"

    @property
    def annotation(self) -> str:
        """As Python source."""
        type_ = re.sub(r"\blist\[", "Sequence[", self.type)
        if self.required or self.type == "Any":
            return type_
        return f"{type_} | {'NotGiven' if self.nullable else 'None'}"


@dataclass(frozen=True, slots=True)
class Method:
    """One method: an operation under the name that its attribute leaves of it."""

    name: str
    operation: Operation
    arguments: tuple[Argument, ...]
    model: tuple[str, str] | None
    """Module and name of the model of its body."""
    whole: bool
    """Whether the body is one argument, and not its fields."""
    lasting: bool
    may_be_accepted: bool
    """Whether it may be answered by a 202 without content."""
    text: str

    @property
    def positional(self) -> list[Argument]:
        """Those without a default."""
        return [argument for argument in self.arguments if argument.required]

    @property
    def keywords(self) -> list[Argument]:
        """Those with one."""
        return [argument for argument in self.arguments if not argument.required]

    @property
    def body(self) -> list[Argument]:
        """Those in the body."""
        return [argument for argument in self.arguments if argument.in_body]

    @property
    def outside(self) -> list[Argument]:
        """Those outside of the body."""
        return [argument for argument in self.arguments if not argument.in_body]

    @property
    def keyed(self) -> bool:
        """Whether an idempotency key makes it safe to send again."""
        return any(argument.wire == KEY for argument in self.arguments)

    @property
    def repeatable(self) -> bool:
        """Whether it is safe to send again as it is."""
        return self.operation.method in REPEATABLE

    @property
    def result(self) -> str:
        """The type of its answer, as Python source: inside a class with a method `list`, `list` is no type."""
        return re.sub(r"\blist\[", "builtins.list[", self.operation.result)

    @property
    def docstring(self) -> str:
        """Summary, description and arguments, as the lines of a docstring's inside."""
        parts = [_wrapped(self.text, "")]
        described = [argument for argument in (*self.positional, *self.keywords) if argument.text]
        if described:
            lines = [f"    {each.name}: {_wrapped(each.text, '        ').lstrip()}" for each in described]
            parts.append("\n".join(["Args:", *lines]))
        return textwrap.indent("\n\n".join(parts), " " * 8).strip()


@dataclass(frozen=True, slots=True)
class Resource:
    """One attribute of the client."""

    attribute: str
    title: str
    methods: tuple[Method, ...]


def emit_facade(operations: list[Operation], bodies: View, served: Served, package: Path) -> None:
    """Write the documented modules into the package, over the generated builders in `_generated`."""
    resources = read_resources(operations, bodies, served, package / "_generated")
    edition = str(served.document["info"]["version"])
    statuses = sorted({status for operation in operations for status in operation.statuses if status >= 400} | {429})
    errors = {status: ERRORS.get(status, f"Status{status}Error") for status in statuses}
    for template in ("__init__", "clients", "errors", "resources"):
        name = f"treadle_client/{template}.py.jinja"
        (package / f"{template}.py").write_text(
            render(name, operations, resources=resources, errors=errors, edition=edition), "utf-8"
        )
    for module in sorted(RUNTIME.glob("*.py")):
        shutil.copyfile(module, package / module.name)
    (package / "py.typed").touch()


def read_resources(operations: list[Operation], bodies: View, served: Served, builders: Path) -> list[Resource]:
    """The attributes of the client and their methods, in the order of their names."""
    by_attribute: dict[str, list[Operation]] = {}
    for operation in operations:
        by_attribute.setdefault(served.attributes.get(operation.tag, snake(operation.tag)), []).append(operation)
    if "runs" not in by_attribute:
        raise CodegenError('scope.toml: no tag has the attribute "runs", to which many.py adds its methods')
    return [_resource(*each, bodies, served.document, builders) for each in sorted(by_attribute.items())]


def _resource(attribute: str, operations: list[Operation], bodies: View, served: Document, builders: Path) -> Resource:
    names = {operation.name: _method_name(operation.name, attribute) for operation in operations}
    taken = Counter(names.values())
    methods = [
        _method(
            names[operation.name] if taken[names[operation.name]] == 1 else operation.name,
            operation,
            bodies,
            served,
            builders,
        )
        for operation in operations
    ]
    return Resource(attribute, camel(attribute), tuple(sorted(methods, key=lambda method: method.name)))


def _method_name(operation: str, attribute: str) -> str:
    """`create_run_batch` of the attribute `runs` is `create_batch`."""
    singular = re.sub(r"ie$", "y", attribute.removesuffix("s"))
    found = re.sub(rf"(^|_)({attribute}|{singular})(_|$)", lambda m: "_" if m[1] and m[3] else "", operation, count=1)
    return found.strip("_") or operation


def _method(name: str, operation: Operation, bodies: View, served: Document, builders: Path) -> Method:
    node = served["paths"][operation.path][operation.method.lower()]
    arguments = [_parameter(parameter, node) for parameter in operation.parameters]
    generated, whole = builder(operation, builders), False
    if operation.body is not None:
        fields = _fields(operation, bodies, served)
        whole = fields is None
        more = fields if fields is not None else [_whole(operation, node)]
        # What may stand in the query and in the body stands in the body.
        names = {argument.name for argument in more}
        arguments = [argument for argument in arguments if argument.name not in names] + more
    arguments = [each if each.in_body else _built(each, operation, generated) for each in arguments]
    accepted = "202" in node["responses"] and "content" not in node["responses"]["202"]
    text = "\n\n".join(filter(None, (operation.heading, str(node.get("description", "")))))
    return Method(name, operation, tuple(arguments), generated.body, whole, bool(node.get(HEARTBEATS)), accepted, text)


def _built(argument: Argument, operation: Operation, generated: Builder) -> Argument:
    """The argument with its name in the request builder."""
    name = next((name for name in (argument.name, f"{argument.name}_") if name in generated.parameters), None)
    if name is None:
        raise CodegenError(f"{operation.operation_id}: its generated builder has no {argument.name}")
    return replace(argument, builder=name)


def _parameter(parameter: Parameter, node: Any) -> Argument:
    text = next(
        (each.get("description", "") for each in node.get("parameters", []) if each.get("name") == parameter.name), ""
    )
    type_ = re.sub(r"\bUUID\b", "UUID | str", parameter.type.removesuffix(" | None"))
    return Argument(parameter.field, parameter.name, False, type_, parameter.required, False, text)


def _whole(operation: Operation, node: Any) -> Argument:
    text = str(node["requestBody"].get("description", ""))
    return Argument("body", "body", True, _params(str(operation.body)), operation.body_required, False, text)


def _fields(operation: Operation, bodies: View, served: Document) -> list[Argument] | None:
    """The fields of a body that is an object; None if it is none."""
    properties, required = _body_properties(operation, bodies.document)
    if not properties:
        return None
    declared, _ = _body_properties(operation, served)
    ids = {name for name, schema in declared.items() if _is_id(schema)}
    fields = [_field(name, _inlined(node, bodies.document), name in required) for name, node in properties.items()]
    return [replace(each, type=f"UUID | {each.type}") if each.wire in ids else each for each in fields]


def _body_properties(operation: Operation, document: Document) -> tuple[dict[str, Any], set[str]]:
    body, _ = resolve(document, ("paths", operation.path, operation.method.lower(), "requestBody"))
    return properties_of(document, body["content"][JSON].get("schema", {}))


def _is_id(schema: Any) -> bool:
    """Whether the contract takes a UUID there; the bodies' view, which sends texts, no longer says so."""
    return any(each.get("format") == "uuid" for each in (schema, *schema.get("anyOf", [])))


def _inlined(schema: Any, document: Document) -> Any:
    """The schema with unions and enumerations in place of their names: params.py has only names of objects.

    An object that says that it has further keys is a union there as well.
    """

    def inlined(node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node or properties_of(document, node)[0]:
            return any_keys(node, document)
        named = document["components"]["schemas"][node["$ref"].removeprefix(SCHEMA_PREFIX)]
        return {**_inlined(named, document), **{key: node[key] for key in ("description",) if key in node}}

    return mapped(schema, inlined)


def _field(name: str, schema: Any, required: bool) -> Argument:
    type_ = _params(python_type(schema, "params"))
    nullable = type_ == "Any" or "None" in type_.split(" | ")
    return Argument(snake(name), name, True, type_, required, nullable, str(schema.get("description", "")))


def _params(annotation: str) -> str:
    return annotation.replace("models.", "params.")


def _wrapped(text: str, indent: str) -> str:
    """Paragraphs and lists, each filled to the line's length."""
    lines = []
    for line in inside_docstring(text).split("\n"):
        hanging = indent + ("  " if line.startswith("- ") else "")
        lines.append(textwrap.fill(line, 108, initial_indent=indent, subsequent_indent=hanging, break_long_words=False))
    return "\n".join(lines)
