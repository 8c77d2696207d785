"""Runs: results with attributes, failures as exceptions, options of single calls."""

from __future__ import annotations

import asyncio
import pickle
from datetime import datetime
from uuid import UUID

import httpx
import pytest

import treadle_client
from tests.client.both import KINDS, client_of
from tests.live import DEADLINE, LiveServer, until
from treadle_client import (
    APIConnectionError,
    APITimeoutError,
    AsyncTreadle,
    ConflictError,
    NotFoundError,
    RunFailed,
    Treadle,
    UnprocessableEntityError,
    params,
    results,
)
from treadle_client.calls import Options

UNKNOWN = "00000000-0000-0000-0000-000000000000"
OUTPUT = {"foo": 1, "items": ["a", "b"]}


def test_waiting_gives_the_output(client: Treadle) -> None:
    assert client.runs.wait("simple", input={"foo": 1}) == OUTPUT


@pytest.mark.parametrize("output", [None, 2**70, "žluť \u2028", [], {"n": 1.5, "deep": [{"x": None}]}], ids=repr)
def test_any_output_comes_back_as_it_is(client: Treadle, output: object) -> None:
    assert client.runs.wait("echo", input={"foo": output})["foo"] == output


def test_a_run_in_the_background(client: Treadle) -> None:
    run = client.runs.create("simple", input={"foo": 1}, metadata={"mail": 7})
    assert isinstance(run, results.Run)
    assert run.metadata["mail"] == 7
    assert run.created_at.tzinfo is not None
    assert client.runs.join(run.run_id) == OUTPUT
    detail = client.runs.get(UUID(run.run_id))
    assert isinstance(detail, results.RunDetail)
    assert (detail.status, detail.values, detail.error, detail.attempts) == ("success", OUTPUT, None, 1)
    assert isinstance(detail.ended_at, datetime)
    client.runs.delete(run.run_id)
    with pytest.raises(NotFoundError):
        client.runs.get(run.run_id)


def test_runs_on_a_thread_that_is_kept(client: Treadle) -> None:
    run = client.runs.create("simple", input={"foo": 1}, on_completion="keep")
    client.runs.join(run.run_id)
    [listed] = client.thread_runs.list(run.thread_id)
    assert listed.run_id == run.run_id
    assert client.threads.get_state(run.thread_id).values == OUTPUT
    client.threads.delete(run.thread_id)


def test_cancelling(client: Treadle) -> None:
    run = client.runs.create("slow", input={"seconds": DEADLINE})
    until(lambda: client.runs.get(run.run_id).status == "running")
    client.runs.cancel(run.run_id, wait=True)
    assert client.runs.get(run.run_id).status == "interrupted"


def test_cancelling_without_waiting_for_it(client: Treadle) -> None:
    """The server only accepts it (202), and answers with nothing."""
    run = client.runs.create("slow", input={"seconds": DEADLINE})
    assert client.runs.cancel(run.run_id) is None
    until(lambda: client.runs.get(run.run_id).status == "interrupted")


def test_a_batch(client: Treadle) -> None:
    wanted: list[params.RunCreateStateless] = [{"assistant_id": "simple", "input": {"foo": each}} for each in range(3)]
    made = client.runs.create_batch(wanted)
    assert [client.runs.join(run.run_id)["foo"] for run in made] == [0, 1, 2]


def test_a_command_and_a_config(client: Treadle) -> None:
    command: params.Command = {"goto": [{"node": "second", "input": {}}]}
    output = client.runs.wait("simple", command=command, config={"tags": ["a"], "recursion_limit": 9})
    assert output["items"]


def test_the_store_assistants_and_the_server(client: Treadle) -> None:
    client.store.put_item(namespace=["mails"], key="1", value={"from": "ana"})
    item = client.store.get_item(key="1", namespace=["mails"])
    assert item is not None
    assert item.value == {"from": "ana"}
    found = client.store.search_items(namespace_prefix=["mails"])
    assert [item.key for item in found.items] == ["1"]
    client.store.delete_item(namespace=["mails"], key="1")
    assert client.assistants.count(graph_id="simple") == 1
    [assistant] = client.assistants.search(graph_id="simple")
    assert client.assistants.get(str(assistant.assistant_id)).created_at == assistant.created_at
    assert client.system.health_check().ok


@pytest.mark.parametrize("way", ["wait", "join", "stream"])
def test_a_run_that_fails_raises(client: Treadle, way: str) -> None:
    given = {"foo": "value"}
    with pytest.raises(RunFailed) as caught:
        if way == "wait":
            client.runs.wait("failing", input=given)
        elif way == "join":
            client.runs.join(client.runs.create("failing", input=given).run_id)
        else:
            client.runs.stream("failing", input=given).output()
    assert caught.value.error == "ValueError"
    assert caught.value.run_id is not None
    assert client.runs.get(caught.value.run_id).status == "error"


def test_refusals_have_a_class_a_status_and_the_reason(client: Treadle) -> None:
    with pytest.raises(UnprocessableEntityError, match="no graph is called 'nope'") as refused:
        client.runs.wait("nope")
    assert refused.value.status == 422
    assert refused.value.detail.startswith("assistant_id: ")
    assert refused.value.response.request.url.path == "/runs/wait"
    with pytest.raises(NotFoundError, match="There is no run"):
        client.runs.get(UNKNOWN)
    client.runs.create("simple", input={"foo": 1}, idempotency_key=f"taken {client!r}")
    with pytest.raises(ConflictError):
        client.runs.create("simple", input={"foo": 2}, idempotency_key=f"taken {client!r}")
    with pytest.raises(UnprocessableEntityError), client.runs.stream("nope"):
        pass


def test_a_field_of_the_wrong_type_is_named_before_anything_is_sent(client: Treadle) -> None:
    with pytest.raises(TypeError, match="wrong type"):
        client.runs.wait("simple", config="fast")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="onput"):
        client.runs.wait("simple", onput={})  # type: ignore[call-arg]


def test_what_the_contract_does_not_know_can_be_sent(client: Treadle) -> None:
    answer = client.with_response(client.runs.wait)("simple", extra_body={"input": {"foo": 2}, "mood": "good"})
    assert answer.value["foo"] == 2
    assert answer.response.request.read().count(b"mood") == 1
    with pytest.raises(TypeError, match="extra_body"):
        client.runs.create_batch([{"assistant_id": "simple"}], extra_body={"mood": "good"})
    options: Options = {"extra_headers": {"X-Mine": "1"}, "extra_query": {"mine": "yes"}}
    answer = client.with_response(client.runs.wait)("simple", input={"foo": 1}, **options)
    assert answer.response.request.url.query == b"mine=yes"
    assert answer.response.request.headers["x-mine"] == "1"


def test_status_and_headers(client: Treadle) -> None:
    answer = client.with_response(client.runs.create)("simple", input={"foo": 1})
    assert (answer.status, answer.value.status) == (200, "pending")
    assert answer.headers["content-location"].endswith(answer.value.run_id)


def test_a_stream_has_its_response_itself(client: Treadle) -> None:
    with client.runs.stream("simple", input={"foo": 1}) as stream:
        assert stream.response is not None
        assert stream.response.headers["content-type"].startswith("text/event-stream")
    with pytest.raises(TypeError, match=r"[sS]tream"):
        client.with_response(client.runs.stream)("simple")


def test_ids_may_be_uuids(client: Treadle) -> None:
    [assistant] = client.assistants.search(graph_id="simple")
    assert client.runs.wait(UUID(assistant.assistant_id), input={"foo": 1}) == OUTPUT


def test_exceptions_can_be_pickled(client: Treadle) -> None:
    for call in (lambda: client.runs.get(UNKNOWN), lambda: client.runs.wait("failing", input={"foo": "value"})):
        with pytest.raises(treadle_client.TreadleError) as caught:
            call()
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again)) == (type(caught.value), str(caught.value))
        assert again.__dict__.keys() == caught.value.__dict__.keys()
    broken = treadle_client.StreamBroken("cut", run_id="r", last_event_id="7")
    assert pickle.loads(pickle.dumps(broken)).last_event_id == "7"


def test_null_is_sent_and_what_is_left_out_is_not(client: Treadle) -> None:
    sent = client.with_response(client.runs.create)("simple", input=None).response.request.read()
    assert sent.replace(b" ", b"") == b'{"assistant_id":"simple","input":null}'


def test_other_options_share_the_connections(client: Treadle) -> None:
    other = client.with_options(headers={"X-Team": "mail"}, timeout=3, max_retries=0)
    request = other.with_response(other.runs.get)(client.runs.create("simple").run_id).response.request
    assert request.headers["x-team"] == "mail"
    assert request.extensions["timeout"]["read"] == 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_environment_names_server_and_key(kind: str, server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", "from the environment")
    with client_of(kind) as client:
        request = client.with_response(client.system.health_check)().response.request
        assert request.headers["x-api-key"] == "from the environment"
        assert repr(client) == f"<{'Async' if kind == 'async' else ''}Treadle URL({server.url!r})>"
    with client_of(kind, api_key="given") as client:
        assert client.with_response(client.system.health_check)().response.request.headers["x-api-key"] == "given"
    monkeypatch.delenv("TREADLE_URL")
    with pytest.raises(ValueError, match="set TREADLE_URL"), client_of(kind):
        pass
    with pytest.raises(ValueError, match="no URL"), client_of(kind, "127.0.0.1:2024"):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_without_the_key(kind: str, server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_API_KEY", "from the environment")

    def key(client: Treadle) -> object:
        return client.with_response(client.system.health_check)().response.request.headers.get("x-api-key")

    with client_of(kind, server.url, api_key="") as keyless, client_of(kind, server.url) as client:
        assert key(keyless) is None
        assert key(client) == key(client.with_options(timeout=3)) == "from the environment"
        assert key(client.with_options(api_key="other")) == "other"
        assert key(client.with_options(api_key="")) is None
        assert key(client.with_options(api_key=None)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_sent_once_and_shown_nowhere(kind: str, server: LiveServer) -> None:
    with client_of(kind, server.url, api_key="secret\n") as client:
        check = client.with_response(client.system.health_check)
        assert check().response.request.headers.get_list("x-api-key") == ["secret"]
        assert check(extra_headers={"X-API-Key": "new"}).response.request.headers.get_list("x-api-key") == ["new"]
        assert "secret" not in repr(client)
        with pytest.raises(APIConnectionError) as refused:
            client.system.health_check(extra_headers={"X-Mine": "hid\nden"})
        assert "hid" not in str(refused.value)
    with (
        pytest.raises(ValueError, match="characters that a header cannot have") as wrong,
        client_of(kind, server.url, api_key="é"),
    ):
        pass
    assert "é" not in str(wrong.value)
    with pytest.raises(ValueError, match="no query"), client_of(kind, f"{server.url}?x=1"):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_no_server_and_a_server_that_is_silent(kind: str, server: LiveServer) -> None:
    with client_of(kind, "http://127.0.0.1:1", max_retries=1) as client, pytest.raises(APIConnectionError):
        client.runs.wait("simple")
    with client_of(kind, server.url, max_retries=0) as client, pytest.raises(APITimeoutError):
        client.runs.wait("slow", input={"seconds": DEADLINE}, on_disconnect="cancel", timeout=0.2)


def test_a_client_of_httpx_of_your_own(server: LiveServer) -> None:
    with httpx.Client() as own:
        with Treadle(server.url, http_client=own) as client:
            assert client.runs.wait("simple", input={"foo": 1}) == OUTPUT
        assert not own.is_closed


async def wait_with_a_client_of_ones_own(url: str) -> object:
    async with httpx.AsyncClient(base_url=url) as own:
        async with AsyncTreadle(http_client=own) as client:
            output = await client.runs.wait("simple", input={"foo": 1})
        assert not own.is_closed
        return output


def test_an_asynchronous_client_of_httpx_of_your_own(server: LiveServer) -> None:
    assert asyncio.run(wait_with_a_client_of_ones_own(server.url)) == OUTPUT


def test_the_package_says_what_it_is() -> None:
    assert treadle_client.__version__
    assert treadle_client.__contract__
    assert repr(treadle_client.NOT_GIVEN) == "NOT_GIVEN"
    assert [name for name in dir(Treadle("http://x")) if not name.startswith("_")] == [
        "assistants",
        "close",
        "runs",
        "store",
        "system",
        "thread_runs",
        "threads",
        "with_options",
        "with_response",
    ]
