"""An OpenAPI document as plain data: pointers, references and the walk over every schema in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from codegen.errors import CodegenError

Document = dict[str, Any]
Schema = dict[str, Any]
Pointer = tuple[str, ...]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SCHEMA_PREFIX = "#/components/schemas/"
SSE = "text/event-stream"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
HTML = "text/html"
# OpenAPI 3.1 has no keyword for one item of a stream; 3.2 calls it `itemSchema`.
ITEM_SCHEMA = "x-itemSchema"

_MAPS = ("properties", "patternProperties", "$defs", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "propertyNames",
    "contains",
    "contentSchema",
    "unevaluatedItems",
    "unevaluatedProperties",
)


def join(pointer: Pointer) -> str:
    """The pointer as text: `("paths", "/runs")` is `#/paths/~1runs`."""
    return "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in pointer)


def split(text: str) -> Pointer:
    """The parts of a local reference such as `#/components/schemas/Run`."""
    if not text.startswith("#/"):
        raise CodegenError(f"{text}: only references within the document are supported")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[2:].split("/"))


def at(document: Document, pointer: Pointer) -> Any:
    """The value at the pointer."""
    node: Any = document
    for part in pointer:
        try:
            node = node[int(part)] if isinstance(node, list) else node[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise CodegenError(f"{join(pointer)} is not in the document") from None
    return node


def exists(document: Document, pointer: Pointer) -> bool:
    """Whether there is anything at the pointer."""
    try:
        at(document, pointer)
    except CodegenError:
        return False
    return True


def resolve(document: Document, pointer: Pointer) -> tuple[Any, Pointer]:
    """The value at the pointer with references followed, and where it really is."""
    node = at(document, pointer)
    seen = {pointer}
    while isinstance(node, dict) and "$ref" in node:
        pointer = split(node["$ref"])
        if pointer in seen:
            raise CodegenError(f"{join(pointer)} refers to itself")
        seen.add(pointer)
        node = at(document, pointer)
    return node, pointer


def followed(document: Document, node: Any) -> Any:
    """The node, or what it refers to."""
    return resolve(document, split(node["$ref"]))[0] if "$ref" in node else node


def properties_of(document: Document, schema: Schema) -> tuple[dict[str, Any], set[str]]:
    """The properties of an object and the names of those that are required, with those of the parts it consists of."""
    schema = followed(document, schema)
    properties, required = dict(schema.get("properties", {})), set(schema.get("required", []))
    for part in schema.get("allOf", []):
        more, needed = properties_of(document, part)
        properties, required = {**more, **properties}, required | needed
    return properties, required


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) in document order."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def types(schema: Schema) -> list[str]:
    """The `type` keyword as a list."""
    value = schema.get("type", [])
    return [value] if isinstance(value, str) else list(value)


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below the node, extensions included, discriminators too."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            elif key == "mapping" and isinstance(value, dict):
                yield from (target for target in value.values() if str(target).startswith("#/"))
            else:
                yield from references(value)


def reachable(document: Document, roots: Any) -> set[Pointer]:
    """Pointers of all components that the roots lead to."""
    found: set[Pointer] = set()
    queue = list(references(roots))
    while queue:
        pointer = split(queue.pop())[:3]
        if pointer not in found:
            found.add(pointer)
            queue.extend(references(at(document, pointer)))
    return found


Visit = Callable[[Schema, Pointer], Schema]


def rewrite(schema: Any, pointer: Pointer, visit: Visit) -> Any:
    """The schema with `visit` applied to it and everything in it, innermost first."""
    if not isinstance(schema, dict):
        return schema
    result = dict(schema)
    for keyword in _MAPS:
        if isinstance(result.get(keyword), dict):
            result[keyword] = {
                name: rewrite(part, (*pointer, keyword, name), visit) for name, part in result[keyword].items()
            }
    for keyword in _LISTS:
        if isinstance(result.get(keyword), list):
            result[keyword] = [
                rewrite(part, (*pointer, keyword, str(index)), visit) for index, part in enumerate(result[keyword])
            ]
    for keyword in _SINGLE:
        if isinstance(result.get(keyword), dict):
            result[keyword] = rewrite(result[keyword], (*pointer, keyword), visit)
    return visit(result, pointer)


def rewrite_all(document: Document, visit: Visit) -> None:
    """`rewrite` every schema of the document in place: components, parameters, bodies, responses, headers."""
    for holder, key, pointer in list(_places(document)):
        holder[key] = rewrite(holder[key], pointer, visit)


def _places(document: Document) -> Iterator[tuple[dict[str, Any], str, Pointer]]:
    components = document.get("components", {})
    for name in components.get("schemas", {}):
        yield components["schemas"], name, ("components", "schemas", name)
    for kind in ("parameters", "requestBodies", "responses", "headers"):
        for name, node in components.get(kind, {}).items():
            yield from _carried(node, ("components", kind, name))
    for path, item in document["paths"].items():
        for index, parameter in enumerate(item.get("parameters", [])):
            yield from _carried(parameter, ("paths", path, "parameters", str(index)))
    for path, method, operation in operations(document):
        base = ("paths", path, method)
        for index, parameter in enumerate(operation.get("parameters", [])):
            yield from _carried(parameter, (*base, "parameters", str(index)))
        yield from _carried(operation.get("requestBody", {}), (*base, "requestBody"))
        for status, response in operation.get("responses", {}).items():
            yield from _carried(response, (*base, "responses", status))


def _carried(node: dict[str, Any], base: Pointer) -> Iterator[tuple[dict[str, Any], str, Pointer]]:
    if "schema" in node:
        yield node, "schema", (*base, "schema")
    for media_type, media in node.get("content", {}).items():
        for key in ("schema", ITEM_SCHEMA):
            if key in media:
                yield media, key, (*base, "content", media_type, key)
    for name, header in node.get("headers", {}).items():
        yield from _carried(header, (*base, "headers", name))


def mapped(node: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy of a part of a document in which each object is what `change` makes of it, the inner ones first."""
    if isinstance(node, dict):
        return change({key: mapped(value, change) for key, value in node.items()})
    return [mapped(item, change) for item in node] if isinstance(node, list) else node
