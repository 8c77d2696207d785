"""Assistants, by the client that `make generate` writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.live import GRAPHS, serving
from treadle_client import Client
from treadle_client.api.assistants import (
    count_assistants,
    create_assistant,
    delete_assistant,
    get_assistant,
    get_assistant_graph,
    get_assistant_schemas,
    get_assistant_subgraph,
    list_assistant_subgraphs,
    list_assistant_versions,
    search_assistants,
    set_latest_assistant_version,
    update_assistant,
)
from treadle_client.api.stateless_runs import wait_run
from treadle_client.bodies import (
    CountAssistantsBody,
    CreateAssistantBody,
    SearchAssistantsBody,
    SetLatestAssistantVersionBody,
    UpdateAssistantBody,
    WaitRunBody,
)
from treadle_client.models import Assistant, ErrorResponse, GetAssistantGraphResponse200, GraphSchema, Subgraphs

UNKNOWN = UUID(int=0)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of a server of its own, for what is created here stays."""
    with serving(GRAPHS.with_name("assistants.json")) as live, Client(base_url=live.url) as client:
        yield client


def created(client: Client, graph_id: str, **fields: object) -> Assistant:
    body = CreateAssistantBody.from_dict({"graph_id": graph_id, **fields})
    assistant = create_assistant.sync(client=client, body=body)
    assert isinstance(assistant, Assistant)
    return assistant


def test_an_assistant_from_beginning_to_end(client: Client) -> None:
    first = created(client, "contextual", context={"user": "ana"}, name="Ana's")
    assistant_id = first.assistant_id
    assert get_assistant.sync(assistant_id, client=client) == first
    run = WaitRunBody.from_dict({"assistant_id": str(assistant_id), "input": {}})
    output: Any = wait_run.sync(client=client, body=run)
    assert output["foo"] == {"user": "ana", "limit": 3}

    change = UpdateAssistantBody.from_dict({"context": {"user": "bo"}})
    second = update_assistant.sync(assistant_id, client=client, body=change)
    assert isinstance(second, Assistant)
    assert (second.version, second.name, second.context) == (2, "Ana's", {"user": "bo"})
    versions = list_assistant_versions.sync(assistant_id, client=client)
    assert isinstance(versions, list)
    assert [each.version for each in versions] == [2, 1]
    back = set_latest_assistant_version.sync(assistant_id, client=client, body=SetLatestAssistantVersionBody(version=1))
    assert isinstance(back, Assistant)
    assert (back.version, back.context) == (1, {"user": "ana"})

    found = search_assistants.sync(client=client, body=SearchAssistantsBody(name="ana's"))
    assert isinstance(found, list)
    assert [each.assistant_id for each in found] == [assistant_id]
    assert count_assistants.sync(client=client, body=CountAssistantsBody(name="ana's")) == 1
    assert delete_assistant.sync_detailed(assistant_id, client=client).status_code == 204
    assert count_assistants.sync(client=client, body=CountAssistantsBody(name="ana's")) == 0


def test_a_graph_is_looked_at(client: Client) -> None:
    assistant_id = created(client, "deep").assistant_id
    drawn = get_assistant_graph.sync(str(assistant_id), client=client, xray=1)
    assert isinstance(drawn, GetAssistantGraphResponse200)
    assert "middle:inner" in [each["id"] for each in drawn["nodes"]]
    schemas = get_assistant_schemas.sync(assistant_id, client=client)
    assert isinstance(schemas, GraphSchema)
    assert schemas.graph_id == "deep"
    every = list_assistant_subgraphs.sync(assistant_id, client=client, recurse=True)
    assert isinstance(every, Subgraphs)
    assert every.additional_keys == ["middle", "middle|inner"]
    one = get_assistant_subgraph.sync(assistant_id, "middle", client=client)
    assert isinstance(one, Subgraphs)
    assert one.additional_keys == ["middle"]


def test_a_refusal_is_an_answer(client: Client) -> None:
    missing = get_assistant.sync(UNKNOWN, client=client)
    assert isinstance(missing, ErrorResponse)
    assert str(UNKNOWN) in missing.detail
    body = CreateAssistantBody.from_dict({"graph_id": "nobody"})
    assert isinstance(create_assistant.sync(client=client, body=body), ErrorResponse)
