"""Documents for a schema: mostly valid ones, and ones with a fault anywhere."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from codegen.document import Document, Schema, resolve, split, types

_TEXT = st.text(max_size=6)
_INTEGERS = st.one_of(st.integers(-3, 12), st.sampled_from([7.0, 1e20, 2**60 + 1]))
_NUMBERS = st.one_of(_INTEGERS, st.floats(allow_nan=False, allow_infinity=False))
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXT)
ANY_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_TEXT, inner, max_size=2)),
    max_leaves=4,
)
# Keys that a class with attributes could mistake for its own.
_KEYS = st.sampled_from(["foo", "model_config", "model_dump", "self", "copy", "__class__", "schema_", "é\u2028"])
_TEXTS = st.one_of(
    _TEXT,
    st.sampled_from(
        [
            "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "2026-11-21T02:41:29Z",
            "custom:a",
            "agent",
        ]
    ),
)


def documents(schema: Schema, contract: Document, *, faults: bool) -> st.SearchStrategy[Any]:
    """Documents that fit the schema, unless faults are asked for."""
    fitting = _fitting(schema, contract, faults)
    return st.one_of(fitting, fitting, fitting, ANY_JSON) if faults else fitting


def _fitting(schema: Schema, contract: Document, faults: bool) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        target, _ = resolve(contract, split(schema["$ref"]))
        return st.deferred(lambda: documents(target, contract, faults=faults))
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if "allOf" in schema:
        parts = [documents(part, contract, faults=faults) for part in schema["allOf"]]
        return st.tuples(*parts).map(_merged)
    branches = schema.get("anyOf", schema.get("oneOf", []))
    if branches and any(set(branch) - {"required"} for branch in branches):
        return st.one_of(*(documents(branch, contract, faults=faults) for branch in branches))
    kinds = types(schema) or (["object"] if "properties" in schema else [])
    if not kinds:
        return ANY_JSON
    return st.one_of(*(_of_type(kind, schema, contract, faults) for kind in kinds))


def _merged(parts: tuple[Any, ...]) -> Any:
    if not all(isinstance(part, dict) for part in parts):
        return parts[0]
    return {key: value for part in parts for key, value in part.items()}


def _of_type(kind: str, schema: Schema, contract: Document, faults: bool) -> st.SearchStrategy[Any]:
    if kind == "object":
        return _objects(schema, contract, faults)
    if kind == "array":
        items = documents(schema.get("items", {}), contract, faults=faults)
        return st.lists(items, min_size=schema.get("minItems", 0), max_size=max(2, schema.get("minItems", 0)))
    if kind in ("integer", "number"):
        low, high = schema.get("minimum"), schema.get("maximum")
        if faults or (low is None and high is None):
            return _INTEGERS if kind == "integer" else _NUMBERS
        return st.integers(low if low is not None else -5, high if high is not None else 10**6)
    plain = {"string": _TEXTS, "boolean": st.booleans(), "null": st.none()}[kind]
    return plain if faults or "minLength" not in schema else plain.map(lambda text: f"x{text}")


def _objects(schema: Schema, contract: Document, faults: bool) -> st.SearchStrategy[Any]:
    given = schema.get("properties", {})
    required = set(schema.get("required", []))
    fields = {name: documents(part, contract, faults=faults) for name, part in given.items()}
    always = {name: fields[name] for name in fields if name in required and not faults}
    sometimes = {name: part for name, part in fields.items() if name not in always}
    extra = schema.get("additionalProperties", {})
    if extra is False:
        more: st.SearchStrategy[dict[str, Any]] = st.just({})
    else:
        values = documents(extra, contract, faults=faults) if isinstance(extra, dict) else ANY_JSON
        more = st.dictionaries(_KEYS, values, max_size=2)
    known = st.fixed_dictionaries(always, optional=sometimes)
    return st.tuples(more, known).map(lambda parts: {**parts[0], **parts[1]})
