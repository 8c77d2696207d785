"""`Idempotency-Key` as clients set it: with each call of the Python SDK, or as an argument of the generated client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live import LiveServer
from tests.sdk.both_clients import KINDS, client_of
from treadle_client import Client
from treadle_client.api.stateless_runs import create_run, wait_run
from treadle_client.bodies import StreamRunBody, WaitRunBody
from treadle_client.models import ErrorResponse, Run, RunCreateStateless
from treadle_client.streams import stream_run

GIVEN = {"foo": 1}
REQUEST = {"assistant_id": "simple", "input": GIVEN}


@pytest.mark.parametrize("kind", KINDS)
def test_the_python_sdk_repeats_a_call(server: LiveServer, kind: str) -> None:
    with client_of(kind, server.url) as client:
        headers = {"Idempotency-Key": f"{kind} create"}
        first, again = (client.runs.create(None, "simple", input=GIVEN, headers=headers) for _ in range(2))
        assert first["run_id"] == again["run_id"]

        headers = {"Idempotency-Key": f"{kind} wait"}
        outcomes = [client.runs.wait(None, "simple", input=GIVEN, headers=headers) for _ in range(2)]
        assert outcomes[0] == outcomes[1]

        headers = {"Idempotency-Key": f"{kind} stream"}
        streams = [list(client.runs.stream(None, "simple", input=GIVEN, headers=headers)) for _ in range(2)]
        assert streams[0] == streams[1]
        assert streams[0][0].data["run_id"]

        headers = {"Idempotency-Key": f"{kind} batch"}
        payloads: Any = [REQUEST] * 2
        batches = [client.runs.create_batch(payloads, headers=headers) for _ in range(2)]
        first_ids, again_ids = ([run["run_id"] for run in batch] for batch in batches)
        assert first_ids == again_ids


def test_the_generated_client_takes_a_key(server: LiveServer) -> None:
    with Client(base_url=server.url) as client:
        body = RunCreateStateless.from_dict(REQUEST)
        first, again = (create_run.sync(client=client, body=body, idempotency_key="generated") for _ in range(2))
        assert isinstance(first, Run)
        assert isinstance(again, Run)
        assert first.run_id == again.run_id

        other = WaitRunBody.from_dict(REQUEST)
        refused = wait_run.sync(client=client, body=other, idempotency_key="generated")
        assert isinstance(refused, ErrorResponse)
        assert refused.detail.startswith("Idempotency-Key: ")

        events, key = StreamRunBody.from_dict(REQUEST), "generated stream"
        with stream_run.sync(client, body=events, idempotency_key=key) as stream:
            seen = [(event.event, event.id) for event in stream]
        with stream_run.sync(client, body=events, idempotency_key=key, last_event_id="1") as stream:
            assert [(event.event, event.id) for event in stream] == seen[1:]
