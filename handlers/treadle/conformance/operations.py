"""The operations that are examined, by their labels."""

from __future__ import annotations

from typing import Final

RUNS: Final = "POST /runs"
WAIT: Final = "POST /runs/wait"
STREAM: Final = "POST /runs/stream"
BATCH: Final = "POST /runs/batch"
CANCEL_RUNS: Final = "POST /runs/cancel"
OK: Final = "GET /ok"
INFO: Final = "GET /info"
DOCUMENT: Final = "GET /openapi.json"
RUN: Final = "/runs/{run_id}"
THREAD_RUN: Final = "/threads/{thread_id}/runs/{run_id}"

CREATES: Final = (RUNS, WAIT, STREAM, BATCH)
FAMILIES: Final = (RUN, THREAD_RUN)
GETS: Final = tuple(f"GET {family}" for family in FAMILIES)
JOINS: Final = tuple(f"GET {family}/join" for family in FAMILIES)
STREAMS: Final = tuple(f"GET {family}/stream" for family in FAMILIES)
CANCELS: Final = tuple(f"POST {family}/cancel" for family in FAMILIES)
DELETES: Final = tuple(f"DELETE {family}" for family in FAMILIES)
ALL: Final = (*CREATES, CANCEL_RUNS, *GETS, *JOINS, *STREAMS, *CANCELS, *DELETES, OK, INFO, DOCUMENT)
