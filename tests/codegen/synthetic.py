"""Editions that nobody has published: the vendored one with one shape changed, and what becomes of them.

`HARMLESS` generate; each says what the report has to name. `BREAKING` are refused with a line that names the place.
"""

from __future__ import annotations

from tests.codegen.changes import (
    Change,
    inlined_schema,
    merged_schemas,
    moved_operation,
    operation,
    optional,
    referred_field,
    renamed_field,
    renamed_operation,
    renamed_schema,
    replaced,
    schema,
    split_schema,
    with_field,
    with_parameter,
    without_field,
    without_operation,
    without_parameter,
)

CREATE = "RunCreateStateless"
NEW = {"type": "integer", "minimum": 0}
NULL_REF = {"anyOf": [{"$ref": "#/components/schemas/Config"}, {"type": "null"}]}

HARMLESS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a new field of a create": (with_field(CREATE, "priority", NEW), ("create_run priority", "wait_run priority")),
    "a new nullable reference": (with_field(CREATE, "budget", NULL_REF), ("stream_run budget",)),
    "a new field of 3.0": (with_field(CREATE, "note", {"type": "string", "nullable": True}), ("create_run note",)),
    "a new field that is anything": (with_field(CREATE, "extra", {}), ("create_run_batch extra",)),
    "a new field inside one": (
        lambda document: schema(document, CREATE)["properties"]["config"]["properties"].update(shard=NEW),
        ("create_run config.shard",),
    ),
    "a new field of a search": (with_field("StoreSearchRequest", "order", {"type": "string"}), ("search_items order",)),
    "a new value": (
        replaced(CREATE, "durability", enum=["sync", "async", "exit", "lazy"]),
        ("create_run durability=lazy",),
    ),
    "a value less": (replaced(CREATE, "durability", enum=["sync", "async"]), ()),
    "a new parameter": (with_parameter("GET /threads/{thread_id}/runs", "since", NEW), ("list_thread_runs since",)),
    "a new first parameter": (with_parameter("POST /runs", "dry_run", {"type": "boolean"}), ("create_run dry_run",)),
    "a parameter less": (without_parameter("GET /threads/{thread_id}", "include"), ("get_thread include",)),
    "a field less": (without_field(CREATE, "webhook"), ("create_run webhook",)),
    "a corrected field less": (
        without_field(CREATE, "feedback_keys"),
        ("RunCreateStateless.properties.feedback_keys",),
    ),
    "a field renamed": (renamed_field(CREATE, "webhook", "callback"), ("create_run webhook", "create_run callback")),
    "a field of an answer less": (
        without_field("Interrupt", "response_schema"),
        ("Interrupt.properties.response_schema",),
    ),
    "a field of an answer more": (with_field("Run", "cost", {"type": "number"}), ()),
    "an operation out of scope less": (without_operation("GET /metrics"), ()),
    "an operation more": (
        lambda document: document["paths"].update(
            {"/x": {"get": {"operationId": "x", "responses": {"204": {"description": ""}}}}}
        ),
        (),
    ),
    "a body renamed": (renamed_schema(CREATE, "RunRequest"), ("RunCreateStateless.properties.context",)),
    "a body written in place": (inlined_schema("StoreDeleteRequest"), ("StoreDeleteRequest.properties.namespace",)),
    "a body split": (split_schema("StoreSearchRequest", ("limit", "offset")), ("StoreSearchRequest.properties.limit",)),
    "two bodies merged": (
        merged_schemas("AssistantSearchRequest", "AssistantCountRequest"),
        ("count_assistants limit",),
    ),
    "a field referred to": (referred_field(CREATE, "metadata"), ()),
    "a description beside a reference": (referred_field(CREATE, "metadata", beside={"description": "Ours."}), ()),
    "a type beside a reference": (referred_field(CREATE, "metadata", beside={"type": "object"}), ()),
    "a default beside a reference": (referred_field(CREATE, "durability", beside={"default": "async"}), ()),
    "a type narrowed": (replaced("StoreListNamespacesRequest", "limit", type="integer"), ()),
    "a field that the overlay has as well": (without_field("AssistantCreate", "context"), ()),
    "no interrupts": (
        lambda document: document["components"]["schemas"].pop("Interrupt"),
        ("Interrupt.properties.response_schema",),
    ),
    "no list of parameters": (lambda document: operation(document, "POST /runs").pop("parameters", None), ()),
    "another title": (lambda document: document["info"].update(title="LangGraph Platform"), ()),
}
"""By name: the change, and words that the report of `make generate` has to hold."""

_STATELESS = "POST /runs"
BREAKING: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a create is gone": (
        without_operation("POST /runs/batch"),
        ("has no operation create_run_batch (POST /runs/batch)",),
    ),
    "several are gone": (
        lambda document: [without_operation(each)(document) for each in ("GET /ok", "GET /info")],
        ("health_check (GET /ok), server_info (GET /info); correct the ids, or leave",),
    ),
    "a create has another id": (
        renamed_operation(_STATELESS, "start_run"),
        ("create_run (POST /runs, now called start_run)",),
    ),
    "a create is elsewhere": (
        moved_operation("POST /runs/wait", "/runs/await"),
        ("POST /runs/wait has moved to POST /runs/await", "change the targets"),
    ),
    "ours is theirs": (
        lambda document: document["paths"].update(
            {"/runs/{run_id}": {"get": operation(document, "GET /ok") | {"operationId": "own"}}}
        ),
        ("GET /runs/{run_id} is in the contract by now",),
    ),
    "our parameter is theirs": (
        with_parameter("GET /threads/{thread_id}/state", "select", {"type": "string"}),
        ("the parameter select is in the contract by now",),
    ),
    "our schema is theirs": (
        lambda document: document["components"]["schemas"].update(RunDetail={"type": "object"}),
        ("RunDetail is in the contract by now",),
    ),
    "the run is called otherwise": (
        renamed_schema("Run", "RunView"),
        ("refers to Run, which this edition does not have",),
    ),
    "what is added to is gone": (
        renamed_schema("AssistantPatch", "AssistantChange"),
        ("AssistantPatch.properties", "has no such place"),
    ),
    "a required field is gone": (
        without_field(CREATE, "assistant_id"),
        ("assistant_id is not there, and its handler needs it",),
    ),
    "a required field is renamed": (
        renamed_field(CREATE, "assistant_id", "graph"),
        ("assistant_id is not there", "graph is new and required"),
    ),
    "a required field is optional": (optional(CREATE, "assistant_id"), ("assistant_id may be left out",)),
    "a new field is required": (
        with_field(CREATE, "budget", NEW, required=True),
        ("budget is new and required, and no handler",),
    ),
    "a new parameter is required": (
        with_parameter("GET /threads/{thread_id}/runs", "tenant", {"type": "string"}, required=True),
        ("list_thread_runs (GET /threads/{thread_id}/runs): tenant is new and required",),
    ),
    "a path parameter is gone": (
        without_parameter("GET /threads/{thread_id}/runs/{run_id}", "run_id"),
        ("'/threads/{thread_id}/runs/{run_id}'",),
    ),
    "a type is another": (
        replaced(CREATE, "after_seconds", type="string"),
        ("after_seconds may be string, and its handler reads number",),
    ),
    "null is allowed, 3.1": (
        replaced(CREATE, "after_seconds", type=["integer", "null"]),
        ("after_seconds may be integer | null",),
    ),
    "null is allowed, 3.0": (replaced(CREATE, "after_seconds", nullable=True), ("after_seconds may be", "null")),
    "null is allowed beside a reference": (
        referred_field(CREATE, "on_completion", beside={"nullable": True}, wrapped=True),
        ("on_completion may be string | null",),
    ),
    "a type is wider": (
        lambda document: schema(document, CREATE)["properties"].update(
            webhook={"anyOf": [{"type": "string"}, {"type": "array"}]}
        ),
        ("webhook may be array | string",),
    ),
    "a body is free": (
        lambda document: document["components"]["schemas"].update(StorePutRequest={"type": "object"}),
        ("has no fields in its body",),
    ),
    "a body is gone": (
        lambda document: operation(document, "PUT /store/items").pop("requestBody"),
        ("has no fields in its body",),
    ),
    "an id is missing": (
        lambda document: operation(document, "GET /ok").pop("operationId"),
        ("GET /ok has no operationId",),
    ),
    "an id is twice": (
        renamed_operation("GET /ok", "server_info_info_get"),
        ("have the same operationId server_info_info_get",),
    ),
    "no answer of a create": (
        lambda document: operation(document, _STATELESS)["responses"].pop("200"),
        ("has no such place",),
    ),
}
"""By name: the change, and words of the lines that refuse it."""
