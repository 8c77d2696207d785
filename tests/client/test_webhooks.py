"""Webhooks as a receiver reads them: verified and typed by the client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.live import serving
from tests.web.hook_receiver import HOOKED, OLD_SECRET, SECRET, Received, receiving
from treadle_client import RunFailed, Treadle
from treadle_client.webhooks import WebhookError, unwrap

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture(scope="module")
def webhooks() -> Iterator[tuple[Received, Received]]:
    """Those of a run that succeeded and of one that failed."""
    with (
        receiving() as receiver,
        serving(HOOKED, webhook_secret=f"{SECRET} {OLD_SECRET}") as live,
        Treadle(live.url) as client,
    ):
        run = client.runs.create("simple", input={"foo": 1}, webhook=receiver.url)
        with pytest.raises(RunFailed) as caught:
            client.runs.wait("failing", input={"foo": "value"}, webhook=receiver.url)
        yield receiver.first(run.run_id), receiver.first(str(caught.value.run_id))


def test_a_webhook_is_a_run_with_its_outcome(webhooks: tuple[Received, Received]) -> None:
    good, failed = webhooks
    run = unwrap(good.content, good.headers, SECRET)
    assert (run.status, run.values, run.error) == ("success", {"foo": 1, "items": ["a", "b"]}, None)
    assert isinstance(run.run_ended_at, datetime)
    upper = {name.upper(): value for name, value in good.headers.items()}
    assert unwrap(good.content.decode(), upper, f"{OTHER} {OLD_SECRET}") == run
    error = unwrap(failed.content, failed.headers, SECRET).error
    assert error is not None
    assert error.error == "ValueError"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"secret": OTHER}, "webhook-signature is not that of the secret"),
        ({"secret": "whsec_?"}, "the secret must be"),
        ({"body": b"{}"}, "webhook-signature is not that of the secret"),
        ({"now": 0.0}, "too far from now"),
        ({"headers": {}}, "there is no header webhook-id"),
        ({"secret": "whsec_"}, "the secret must be"),
        ({"secret": "whsec_é"}, "the secret must be"),
        ({"webhook-signature": "v1,é"}, "webhook-signature is not that of the secret"),
        ({"webhook-timestamp": "9" * 5000}, "too far from now"),
        ({"body": "\ud800"}, "webhook-signature is not that of the secret"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_no_webhook_of_the_server_is_refused(
    webhooks: tuple[Received, Received], change: dict[str, Any], said: str
) -> None:
    good = webhooks[0]
    headers = {**good.headers, **{name: value for name, value in change.items() if name.startswith("webhook-")}}
    others = {name: value for name, value in change.items() if not name.startswith("webhook-")}
    given = {"body": good.content, "headers": headers, "secret": SECRET, **others}
    with pytest.raises(WebhookError, match=said):
        unwrap(**given)
