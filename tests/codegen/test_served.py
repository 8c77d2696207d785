"""The served document: its operations and answers, and the contract's facts that it keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from codegen.document import FORM, HTML, ITEM_SCHEMA, SSE, Document, operations, references, resolve, split
from codegen.linking import link
from codegen.overlay import Action, apply
from codegen.spec import validate
from codegen.structure import structure
from tests.codegen.conftest import Made
from tests.codegen.editions import contract, scope


@pytest.fixture(scope="module")
def served(project: Made) -> Document:
    """The document as written."""
    path: Path = project[0].generated / "treadle_api" / "openapi.json"
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_it_is_valid_openapi_and_names_treadle(served: Document) -> None:
    validate(served)
    assert served["openapi"].startswith("3.1")
    assert served["info"]["title"] == "Treadle"
    assert "servers" not in served


def test_it_advertises_exactly_the_scope(served: Document) -> None:
    assert {operation["operationId"] for _, _, operation in operations(served)} == set(scope())
    used = {tag for _, _, operation in operations(served) for tag in operation["tags"]}
    assert {tag["name"] for tag in served["tags"]} == used


def test_it_holds_no_more_and_no_less_than_it_refers_to(served: Document) -> None:
    referred = {split(reference)[2] for reference in references(served)}
    assert referred == set(served["components"]["schemas"])


def test_requests_are_those_of_the_contract(served: Document) -> None:
    """Views make models and clients; the contract's own schemas judge requests."""
    ours, original = served["components"]["schemas"], contract()["components"]["schemas"]
    fields = original["RunCreateStateless"]["properties"]
    fields["checkpoint_during"]["default"] = True
    fields["feedback_keys"] |= {"maxItems": 100, "items": {"type": "string", "maxLength": 256}}
    for keyed in (fields["config"], fields["config"]["properties"]["configurable"], fields["context"]):
        keyed["propertyNames"] = {"pattern": "^[^\\u0000]*$"}
    fields["config"]["additionalProperties"] = True
    fields["after_seconds"]["x-published"] = {"maximum": 250_000_000_000}
    fields["assistant_id"]["anyOf"][1]["x-graph-name"] = True
    command, send = original["Command"]["properties"], original["Send"]["properties"]
    for array in (fields["input"]["anyOf"][1], command["update"], command["resume"], send["input"]):
        array["items"] = {}
    for name in ("Send", "Command", "RunCreateStateless", "RunCreateStreamingStateless"):
        assert structure(ours[name]) == structure(original[name])


def test_what_follows_from_the_shape_of_an_operation_leaves_what_it_says_itself(served: Document) -> None:
    said = {
        f"{method} {path}": {status: node["description"] for status, node in operation["responses"].items()}
        for path, method, operation in operations(served)
    }
    assert said["post /runs"]["400"].startswith("The request contradicts itself")
    assert said["post /threads"]["400"] == said["post /runs/cancel"]["400"] != said["get /ok"]["400"]
    assert "64 KiB" in said["post /runs/{run_id}/feedback/{token}"]["413"]
    assert "HTTP_MAX_REQUEST_BODY_BYTES" in said["post /runs"]["413"] == said["post /threads"]["413"]


def test_streams_say_what_an_event_is(served: Document) -> None:
    for path in ("/runs/stream", "/runs/{run_id}/stream"):
        (operation,) = served["paths"][path].values()
        media = operation["responses"]["200"]["content"][SSE]
        assert media == {ITEM_SCHEMA: {"$ref": "#/components/schemas/StreamEvent"}}


@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/runs/stream"])
def test_a_created_run_can_be_followed(served: Document, path: str) -> None:
    answer = served["paths"][path]["post"]["responses"]
    linked = {link["operationId"] for link in answer["200"]["links"].values()}
    assert linked >= {"get_run", "join_run", "join_run_stream"}
    assert {"Content-Location", "Treadle-Ignored"} <= set(answer["200"]["headers"])
    assert {"400", "413", "503"} <= set(answer)


def test_what_was_created_leads_to_every_operation_on_it(served: Document) -> None:
    run, thread, assistant = {"run_id"}, {"thread_id"}, {"assistant_id"}
    created = {
        "/runs": run | thread,
        "/runs/batch": run | thread,
        "/runs/wait": run | thread,
        "/runs/stream": run,
        "/threads": thread,
        "/assistants": assistant,
    }
    named = {each["operationId"]: set(re.findall(r"\{(\w+)\}", path)) for path, _, each in operations(served)}
    for path, ids in created.items():
        links = served["paths"][path]["post"]["responses"]["200"]["links"].values()
        expected = {operation_id for operation_id, names in named.items() if names and names <= ids}
        linked = {link["operationId"]: set(link["parameters"]) for link in links}
        assert expected and linked.items() >= {operation_id: named[operation_id] for operation_id in expected}.items()
    assert (
        served["paths"]["/runs"]["post"]["responses"]["200"]["links"]["getAssistant"]["description"] == "What was run."
    )
    assert "x-ids" not in json.dumps(served)


def test_links_lead_to_what_is_served() -> None:
    stated = {"old": {"operationId": "gone"}, "getIt": {"operationId": "get_it", "description": "Ours."}}
    answer: Document = {"x-ids": {"id": "$response.body#/id"}, "links": stated}
    created = {"operationId": "make", "responses": {"200": answer}}
    document: Document = {
        "paths": {
            "/made": {"post": created},
            "/made/{id}": {
                "get": {"operationId": "get_it", "responses": {"200": {"links": {"old": {"operationId": "gone"}}}}},
                "delete": {"operationId": "drop_it", "summary": "Drop it", "responses": {}},
            },
            "/made/{id}/{part}": {"get": {"operationId": "get_part", "responses": {}}},
        }
    }
    link(document, {"make": "make_it", "get_it": "get_it", "drop_it": "drop_it", "get_part": "get_part"})
    parameters = {"id": "$response.body#/id"}
    assert answer == {
        "links": {
            "getIt": {"operationId": "get_it", "description": "Ours."},
            "dropIt": {"operationId": "drop_it", "description": "Drop it.", "parameters": parameters},
        }
    }
    assert document["paths"]["/made/{id}"]["get"]["responses"] == {"200": {}}


def test_links_for_feedback_have_pages_and_nothing_else_has(served: Document) -> None:
    browsers = {
        (path, method, place)
        for path, method, operation in operations(served)
        for place, node in {**operation["responses"], "body": operation.get("requestBody", {})}.items()
        if {HTML, FORM} & set(node.get("content", {}))
    }
    link = "/runs/{run_id}/feedback/{token}"
    # The connection sends these statuses before an operation is known; for GET, 400 is one of them.
    bare = {("get", "400"), *((method, status) for method in ("get", "post") for status in ("408", "431"))}
    declared = {
        (link, method, status)
        for method in ("get", "post")
        for status in served["paths"][link][method]["responses"]
        if (method, status) not in bare
    }
    assert browsers == {*declared, (link, "post", "body")}


def test_programs_are_given_json_alone(project: Made) -> None:
    for view in project[1].views:
        assert [name for name in (HTML, FORM) if f'"{name}": {{' in json.dumps(view.document["paths"])] == []
    client = project[1].views[2]
    assert [path for path, _, operation in operations(client.document) if "303" in operation["responses"]] == []


def test_what_an_action_changes_is_one_place() -> None:
    """YAML's aliases, and several matches of one target, are one object to Python."""
    shared: Document = {"content": {}}
    actions = [
        Action(1, 1, "$.paths", "two answers", {"/a": {"200": shared}, "/b": {"200": shared}}),
        Action(2, 2, "$.paths.*", "one more each", {"404": shared}),
        Action(3, 3, "$.paths['/a'].*.content", "pages", {HTML: {}}),
    ]
    page: Document = {"content": {HTML: {}}}
    none: Document = {"content": {}}
    assert apply({"paths": {}}, actions, vendored=True).document["paths"] == {
        "/a": {"200": page, "404": page},
        "/b": {"200": none, "404": none},
    }


def test_nullable_is_repaired(served: Document) -> None:
    run = served["components"]["schemas"]["Run"]["properties"]
    assert run["langsmith_session_name"]["type"] == ["string", "null"]
    assert "nullable" not in json.dumps(served)


EVENTS: list[tuple[dict[str, Any], bool]] = [
    ({"event": "values", "data": "{}"}, True),
    ({"event": "values|child:1|x", "data": "{}", "id": "12"}, True),
    ({"event": "messages/partial", "data": "[]"}, True),
    ({"event": "messages|child:1", "data": "[]"}, True),
    ({"event": "metadata", "data": "{}"}, True),
    ({"event": "end", "data": "null"}, False),
    ({"event": "events|child:1", "data": "{}"}, False),
    ({"event": "values", "data": "{}", "id": "1-0"}, False),
    ({"event": "values"}, False),
]


@pytest.mark.parametrize(("event", "valid"), EVENTS)
def test_the_schema_of_an_event(served: Document, event: dict[str, Any], valid: bool) -> None:
    judge = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/StreamEvent", **served})
    assert judge.is_valid(event) is valid


def test_every_reference_leads_somewhere(served: Document) -> None:
    for reference in references(served):
        resolve(served, split(reference))
