"""Assistants, by Treadle's own client."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from tests.client.both import KINDS, client_of
from tests.live import GRAPHS, serving
from treadle_client import NotFoundError, Treadle, results

UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module", params=KINDS)
def client(request: pytest.FixtureRequest) -> Iterator[Treadle]:
    """A client of a server of its own, for what is created here stays."""
    with serving(GRAPHS.with_name("assistants.json")) as live, client_of(request.param, live.url) as client:
        yield client


def test_an_assistant_from_beginning_to_end(client: Treadle) -> None:
    first = client.assistants.create("contextual", context={"user": "ana"}, name="Ana's")
    assistant_id = first.assistant_id
    assert client.assistants.get(assistant_id) == first
    assert client.runs.wait(assistant_id, input={})["foo"] == {"user": "ana", "limit": 3}

    second = client.assistants.update(assistant_id, context={"user": "bo"})
    assert (second.version, second.name, second.context) == (2, "Ana's", {"user": "bo"})
    assert [each.version for each in client.assistants.list_versions(assistant_id)] == [2, 1]
    back = client.assistants.set_latest_version(assistant_id, version=1)
    assert (back.version, back.context) == (1, {"user": "ana"})

    assert [each.assistant_id for each in client.assistants.search(name="ana's")] == [assistant_id]
    assert client.assistants.count(name="ana's") == 1
    client.assistants.delete(assistant_id)
    assert client.assistants.count(name="ana's") == 0


def test_keys_that_the_contract_does_not_name_are_kept_and_sent_back(client: Treadle) -> None:
    made = client.assistants.create("contextual", extra_body={"config": {"tags": ["a"], "mood": {"*": [1]}}})
    assert (made.config.tags, made.config.extra) == (["a"], {"mood": {"*": [1]}})
    assert made.extra == {}
    changed = client.assistants.update(made.assistant_id, extra_body={"config": made.config})
    assert changed.config == made.config != first_config(client)
    assert pickle.loads(pickle.dumps(changed)) == changed
    assert repr(changed.config) == "Config(extra={'mood': {'*': [1]}}, tags=['a'])"


def first_config(client: Treadle) -> results.Config:
    """The config of an assistant that was made without one."""
    return client.assistants.create("contextual").config


def test_a_graph_is_looked_at(client: Treadle) -> None:
    assistant_id = client.assistants.create("deep").assistant_id
    drawn = client.assistants.get_graph(assistant_id, xray=1)
    assert "middle:inner" in [each["id"] for each in drawn["nodes"]]
    assert client.assistants.get_schemas(assistant_id).graph_id == "deep"
    assert list(client.assistants.list_subgraphs(assistant_id, recurse=True)) == ["middle", "middle|inner"]
    assert list(client.assistants.get_subgraph(assistant_id, "middle")) == ["middle"]


def test_a_refusal_is_an_exception(client: Treadle) -> None:
    with pytest.raises(NotFoundError, match=UNKNOWN):
        client.assistants.get(UNKNOWN)
    with pytest.raises(NotFoundError, match="no graph is called 'nobody'"):
        client.assistants.create("nobody")
