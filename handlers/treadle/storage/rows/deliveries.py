"""Deliveries as they come from the rows of a database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

import orjson

from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt

COLUMNS = ("delivery_id", "run_id", "graph_id", "host", "url", "due", "status", "attempts", "claim")


def attempts_with(delivery: Delivery, attempt: DeliveryAttempt) -> bytes:
    """The column `attempts` with one attempt more."""
    return orjson.dumps([astuple(each) for each in (*delivery.attempts, attempt)])


def delivery_of(row: Iterable[Any]) -> Delivery:
    """The delivery in a row of COLUMNS and its body."""
    delivery_id, run_id, graph_id, host, url, due, status, attempts, claim, body = row
    tried = tuple(DeliveryAttempt(*each) for each in orjson.loads(attempts))
    return Delivery(delivery_id, run_id, graph_id, host, url, body, due, status, tried, claim)
