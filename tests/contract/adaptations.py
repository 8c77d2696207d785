"""The document under test: the one that the server serves, adapted so that a fuzzer can judge the server by it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.contract.document import Json, assistant_id, creates, operations, resolved, run_requests, stream_modes
from tests.contract.feedback_tokens import PATH as FEEDBACK
from tests.contract.linking import link_operations


class StaleAdaptation(Exception):
    """An adaptation found nothing to adapt: the served document has changed under it."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """One change to the served document; `apply` returns the number of places that it changed."""

    name: str
    reason: str
    apply: Callable[[Json], int]
    gap: bool = False
    """Whether the served document itself should say it (codegen/overlay.yaml); then there may be nothing to adapt."""


def under_test(served: Json, adaptations: Sequence[Adaptation]) -> tuple[Json, list[Adaptation]]:
    """An adapted copy of the served document, and the adaptations that changed it. Raises StaleAdaptation."""
    document = copy.deepcopy(served)
    made = [adaptation for adaptation in adaptations if adaptation.apply(document)]
    for adaptation in adaptations:
        if adaptation not in made and not adaptation.gap:
            raise StaleAdaptation(f"{adaptation.name}: nothing to adapt in the served document ({adaptation.reason})")
    return document, made


def adaptations(inputs: Mapping[str, Sequence[Json]], tokens: Sequence[str] = ("token",)) -> list[Adaptation]:
    """All adaptations with their reasons, for these inputs of the served graphs and these tokens for feedback."""
    signed = Adaptation(
        "token",
        "any string is one by its schema, while only what the server has signed is a link for feedback: any other is a "
        "403, and no fuzzer guesses these",
        lambda document: narrow_tokens(document, tokens),
    )
    return [*_kinds(inputs), signed, *_sequences(inputs)]


def _kinds(inputs: Mapping[str, Sequence[Json]]) -> list[Adaptation]:
    """Adaptations of the values in a request."""
    return [
        Adaptation(
            "itemSchema",
            "OpenAPI 3.1 cannot describe the events of a stream, so the document says it with x-itemSchema; 3.2 can",
            lift_item_schemas,
        ),
        Adaptation(
            "contentSchema",
            "it says something only beside contentMediaType (JSON Schema 2020-12, 8.5), and the document has it apart",
            pair_content_schemas,
            gap=True,
        ),
        Adaptation(
            "assistant_id",
            "the document lists the graphs, and takes any UUID beside them, while only their assistants exist: "
            "any other is a 404, and no fuzzer guesses these",
            lambda document: narrow_assistants(document, list(inputs)),
        ),
        Adaptation(
            "input",
            "any JSON is valid, and nearly all of it ends the graph at once; as further alternatives, inputs that a "
            "graph runs on to its end are sent often. Nothing becomes valid or invalid by it",
            lambda document: suggest_inputs(document, [value for values in inputs.values() for value in values]),
        ),
        Adaptation(
            "maxItems",
            "a batch of as many runs as may be in it keeps those behind it waiting for longer than a fuzzer "
            "waits; tests/web/test_limits.py sends one",
            shorten_batches,
        ),
        Adaptation(
            "propertyNames",
            "a NUL in a key of config, config.configurable or context is a 422 by the wire",
            refuse_nul_keys,
            gap=True,
        ),
    ]


def _sequences(inputs: Mapping[str, Sequence[Json]]) -> list[Adaptation]:
    """Adaptations of sequences of requests."""
    return [
        Adaptation(
            "links",
            "an id that is taken, a checkpoint to search before, the runs to cancel: only an answer has them, and the "
            "document links what was created with the paths of what is done to it, and nothing else",
            link_operations,
        ),
        Adaptation(
            "examples",
            "each stream mode is sent once with each graph that may have something to stream in it: "
            "with ids and deleted at its end, and without ids and kept",
            lambda document: add_examples(document, {graph: values[0] for graph, values in inputs.items()}),
        ),
    ]


def lift_item_schemas(document: Json) -> int:
    """Put `x-itemSchema` in the place where OpenAPI 3.2 looks for it."""
    document["openapi"] = "3.2.0"
    lifted = 0
    for operation in operations(document).values():
        for response in operation["responses"].values():
            stream = resolved(document, response).get("content", {}).get("text/event-stream", {})
            if "x-itemSchema" in stream:
                stream["itemSchema"] = stream.pop("x-itemSchema")
                lifted += 1
    return lifted


def pair_content_schemas(document: Json) -> int:
    """Declare the content of each `contentSchema` as JSON; returns how many did not do so."""

    def pair(value: Any) -> int:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        paired = sum(pair(child) for child in children)
        if isinstance(value, dict) and "contentSchema" in value and "contentMediaType" not in value:
            value["contentMediaType"] = "application/json"
            paired += 1
        return paired

    return pair(document["components"])


def narrow_assistants(document: Json, graphs: Sequence[str]) -> int:
    """Let requests name only assistants that exist."""
    known = [*graphs, *map(assistant_id, graphs)]
    schemas = run_requests(document)
    for schema in schemas:
        schema["properties"]["assistant_id"] = {"type": "string", "enum": known}
    return len(schemas)


def narrow_tokens(document: Json, tokens: Sequence[str]) -> int:
    """Let requests name only tokens that were made for them."""
    found = [
        parameter
        for label, operation in operations(document).items()
        for parameter in operation.get("parameters", ())
        if label.endswith(FEEDBACK) and parameter["name"] == "token"
    ]
    for parameter in found:
        parameter["schema"] = {"type": "string", "enum": list(tokens)}
    return len(found)


def suggest_inputs(document: Json, inputs: Sequence[Json]) -> int:
    """Offer inputs beside the schema of `input`, which accepts them anyhow."""
    schemas = run_requests(document)
    for schema in schemas:
        declared = schema["properties"]["input"]
        schema["properties"]["input"] = {"anyOf": [{"enum": list(inputs)}, *declared.get("anyOf", [declared])]}
    return len(schemas)


def shorten_batches(document: Json) -> int:
    """Remove the limit on lists of runs, so that the fuzzer does not send the longest list."""
    limited = [schema for schema in document["components"]["schemas"].values() if schema.get("maxItems", 0) > 1000]
    for schema in limited:
        del schema["maxItems"]
    return len(limited)


def add_examples(document: Json, inputs: Mapping[str, Json]) -> int:
    """Give each operation that creates runs one example per stream mode and graph."""
    labels, modes = creates(document), stream_modes(document)
    for label in labels:
        body = resolved(document, operations(document)[label]["requestBody"])["content"]["application/json"]
        several = resolved(document, body["schema"]).get("type") == "array"
        examples = {
            f"{graph} {mode}": {
                "assistant_id": graph,
                "input": value,
                "stream_mode": [mode],
                "stream_subgraphs": True,
                "stream_resumable": position % 2 == 0,
                "on_completion": "keep" if position % 2 else "delete",
            }
            for position, (graph, value) in enumerate(inputs.items())
            for mode in modes
        }
        body["examples"] = {name: {"value": [value] if several else value} for name, value in examples.items()}
    return len(labels)


def refuse_nul_keys(document: Json) -> int:
    """Forbid NUL in the keys of the objects that the graph sees as configuration."""
    objects = [
        schema
        for request in run_requests(document)
        for schema in (
            request["properties"].get("context"),
            request["properties"].get("config"),
            request["properties"].get("config", {}).get("properties", {}).get("configurable"),
        )
        if schema is not None and "propertyNames" not in schema
    ]
    for schema in objects:
        schema["propertyNames"] = {"pattern": "^[^\\u0000]*$"}
    return len(objects)
