"""`Idempotency-Key` as clients set it: with each call of the Python SDK, or as an argument of Treadle's own client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live import LiveServer
from tests.sdk.both_clients import KINDS, client_of
from treadle_client import ConflictError, Treadle

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


def test_treadles_own_client_takes_a_key(server: LiveServer) -> None:
    with Treadle(server.url) as client:
        first, again = (client.runs.create("simple", input=GIVEN, idempotency_key="generated") for _ in range(2))
        assert first.run_id == again.run_id
        with pytest.raises(ConflictError, match="Idempotency-Key: "):
            client.runs.wait("simple", input=GIVEN, idempotency_key="generated")

        key = "generated stream"
        seen = list(client.runs.stream("simple", input=GIVEN, idempotency_key=key))
        assert list(client.runs.stream("simple", input=GIVEN, idempotency_key=key, last_event_id="1")) == seen[1:]
