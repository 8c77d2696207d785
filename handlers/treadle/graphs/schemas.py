"""JSON Schemas of what a graph takes, keeps and returns, made from its author's types."""

from __future__ import annotations

import types
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin

from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import ReadOnly, TypedDict, get_type_hints, is_typeddict

Json = dict[str, Any]
_typed_dict: Any = TypedDict
# Whether a key is required, by what its annotation says; that of ReadOnly says nothing.
_QUALIFIERS: dict[Any, bool | None] = {Required: True, NotRequired: False, ReadOnly: None}


def graph_schemas(graph: Pregel[Any, Any, Any, Any]) -> dict[str, Json | None]:
    """The schemas of a graph by the API's names. One that cannot be made is None, as is that of a missing context."""
    schemas: dict[str, Json | None] = {}
    if isinstance(graph, CompiledStateGraph):
        builder = graph.builder
        schemas["input_schema"] = json_schema(builder.input_schema)
        schemas["output_schema"] = json_schema(builder.output_schema)
        schemas["state_schema"] = json_schema(builder.state_schema)
    else:  # a functional entrypoint keeps nothing but what it takes and returns
        schemas["input_schema"] = json_schema(graph.InputType)
        schemas["output_schema"] = schemas["state_schema"] = json_schema(graph.OutputType)
    context = None if graph.context_schema is None else json_schema(graph.context_schema)
    schemas["config_schema"] = {} if graph.context_schema is None else context
    schemas["context_schema"] = context
    return schemas


def json_schema(annotation: Any) -> Json | None:
    """The schema of a type. Parts that JSON does not have are `{}`: anything. None if pydantic cannot read the type."""
    try:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation.model_json_schema(schema_generator=_Lenient)
        return TypeAdapter(readable(annotation, {})).json_schema(schema_generator=_Lenient)
    except Exception:  # of pydantic, and of whatever the author's annotations and models do
        return None


def readable(annotation: Any, seen: dict[Any, Any]) -> Any:
    """The type with each TypedDict in it in a form that pydantic reads.

    Before Python 3.12 it refuses those of `typing`; and it refuses keys whose values are objects of any class.
    """
    if is_typeddict(annotation):
        return seen[annotation] if annotation in seen else _readable_dict(annotation, seen)
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return Annotated[(readable(parts[0], seen), *parts[1:])]
    converted = tuple(readable(part, seen) for part in parts)
    if converted == parts:
        return annotation
    if isinstance(annotation, types.UnionType):
        return Union[converted]  # noqa: UP007
    return annotation.copy_with(converted) if hasattr(annotation, "copy_with") else get_origin(annotation)[converted]


def _readable_dict(source: Any, seen: dict[Any, Any]) -> Any:
    # It is made before its parts: one of them may be of the same type.
    made: Any = _typed_dict(source.__name__, {})
    seen[source] = made
    made.__annotations__, required = {}, set()
    for key, hint in get_type_hints(source, include_extras=True).items():
        needed = key in source.__required_keys__
        while get_origin(hint) in _QUALIFIERS:
            said = _QUALIFIERS[get_origin(hint)]
            needed = needed if said is None else said
            (hint,) = get_args(hint)
        required |= {key} if needed else set()
        made.__annotations__[key] = readable(hint, seen)
    made.__required_keys__ = frozenset(required)
    made.__optional_keys__ = frozenset(made.__annotations__) - required
    made.__doc__, made.__module__ = source.__doc__, source.__module__
    made.__pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)
    return made


class _Lenient(GenerateJsonSchema):
    """Finds a schema for everything, and warns of nothing."""

    def emit_warning(self, kind: Any, detail: str) -> None:
        pass

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}
