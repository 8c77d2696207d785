"""Each bug that can be planted, the part of the suite that meets it, and what this has to find."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.contract.faults import Fault
from tests.contract.linking import ASSISTANT, CREATE, HISTORY, SEARCH, STATE, THREAD, WAIT

STREAM, BATCH = "POST /runs/stream", "POST /runs/batch"
READ, DELETE = "GET /threads/{thread_id}", "DELETE /threads/{thread_id}"
RUN, DELETE_RUN = "GET /runs/{run_id}", "DELETE /runs/{run_id}"
ASSISTANTS, COUNT, FEEDBACK = "POST /assistants/search", "POST /assistants/count", "GET /runs/{run_id}/feedback/{token}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the suite: the cases of one phase for some operations."""

    phase: str
    operations: tuple[str, ...]
    examples: int

    @property
    def options(self) -> list[str]:
        """Schemathesis' options for it."""
        named = [option for label in self.operations for option in ("--include-name", label)]
        return ["--phases", self.phase, "--max-examples", str(self.examples), *named]

    def __str__(self) -> str:
        return f"{self.phase}: {', '.join(self.operations)}"


@dataclass(frozen=True, slots=True)
class Plant:
    """A bug, and the finding that is its own."""

    bug: str
    part: Part
    check: str
    says: str
    """What is in the reason: any other fault of the check is not this bug."""

    def explains(self, fault: Fault) -> bool:
        """Whether a fault is the bug."""
        return fault.check == self.check and re.search(self.says, fault.reason) is not None


def _fuzzing(*operations: str, examples: int = 10) -> Part:
    return Part("fuzzing", operations, examples)


def _sequences(*operations: str, examples: int = 4) -> Part:
    return Part("stateful", operations, examples)


CREATES = _fuzzing(CREATE)
STREAMS = _fuzzing(STREAM)
WAITS = _fuzzing(WAIT)
BATCHES = _fuzzing(BATCH)
THREADS = _fuzzing(THREAD)
SEARCHES = _fuzzing(ASSISTANTS, COUNT)
COVERED = Part("coverage", (CREATE,), 1)
METHODS = Part("coverage", (COUNT,), 1)
CREATED = _sequences(CREATE, RUN, DELETE_RUN)
OPENED = _sequences(THREAD, READ, examples=8)
CLOSED = _sequences(THREAD, READ, DELETE)
BUSY = _sequences(CREATE, READ)
KEPT = _sequences(WAIT, READ, STATE)
HISTORIES = _sequences(WAIT, HISTORY, SEARCH)
ITEMS = _fuzzing("PUT /store/items")

STREAM_CHECK = "stream_is_well_formed"
STATUS, HEADERS, SCHEMA = "status_code_conformance", "response_headers_conformance", "response_schema_conformance"
STATES, ONE_THREAD = "states_are_as_asked", "thread_is_as_asked"
NEGATIVE, POSITIVE = "negative_data_rejection", "positive_data_acceptance"
FORM, DETAIL = "answer_is_json_or_stream", "error_has_detail"

PLANTS = (
    # Streams.
    Plant("no_metadata", STREAMS, STREAM_CHECK, "first event is not metadata"),
    Plant("metadata_of_another_run", STREAMS, STREAM_CHECK, "metadata names run"),
    Plant("metadata_off_schema", STREAMS, STREAM_CHECK, "attempt"),
    Plant("metadata_twice", STREAMS, STREAM_CHECK, "second metadata"),
    Plant("end_event", STREAMS, STREAM_CHECK, "event end"),
    Plant("ids_out_of_order", STREAMS, STREAM_CHECK, "ids do not increase"),
    Plant("ids_missing", STREAMS, STREAM_CHECK, "ids are missing"),
    Plant("bare_newlines", STREAMS, STREAM_CHECK, "CRLF"),
    Plant("data_not_json", STREAMS, STREAM_CHECK, "data is not JSON"),
    Plant("stream_cut", STREAMS, STREAM_CHECK, "inside an event"),
    Plant("stream_as_json", STREAMS, "content_type_conformance", "application/json"),
    # Runs that are created, waited for, and come in batches.
    Plant("server_error", CREATES, "not_a_server_error", "Internal Server Error"),
    Plant("undeclared_status", CREATES, STATUS, "201"),
    Plant("run_off_schema", CREATES, SCHEMA, "/status: .finished"),
    Plant("run_without_thread", CREATES, SCHEMA, "/thread_id: null"),
    Plant("location_dangles", CREATES, "created_run_can_be_found", "gave 404"),
    Plant("replayed_in_words", CREATES, HEADERS, "of idempotent-replayed: "),
    Plant("enum_unchecked", COVERED, NEGATIVE, "on_completion"),
    Plant("field_not_required", COVERED, NEGATIVE, "required property: assistant_id"),
    Plant("location_missing", WAITS, HEADERS, "Content-Location"),
    Plant("wait_404", WAITS, POSITIVE, "Not Found"),
    Plant("wait_as_text", WAITS, SCHEMA, ""),
    Plant("batch_as_object", BATCHES, SCHEMA, "array"),
    Plant("batch_loses_a_run", BATCHES, "batch_has_its_runs", "runs"),
    Plant("batch_out_of_order", BATCHES, "batch_has_its_runs", "order"),
    Plant("run_without_time", CREATED, SCHEMA, "created_at"),
    Plant("deletion_forgotten", CREATED, "use_after_free", ""),
    # Every operation.
    Plant("text_error", CREATES, FORM, "text/plain"),
    Plant("error_without_detail", CREATES, DETAIL, "error"),
    Plant("all_404", CREATES, POSITIVE, "Not Found"),
    Plant("accepts_anything", METHODS, SCHEMA, "null is not of type"),
    Plant("key_not_asked", CREATES, "ignored_auth", "without authentication"),
    Plant("no_challenge", CREATES, "missing_key_is_refused", "WWW-Authenticate"),
    Plant("no_methods", METHODS, "unsupported_method", "Allow"),
    Plant("method_not_found", METHODS, "unsupported_method", "404"),
    # Assistants, items, feedback.
    Plant("total_missing", SEARCHES, HEADERS, "X-Pagination-Total"),
    Plant("graph_is_null", SEARCHES, SCHEMA, "graph_id"),
    Plant("count_as_text", SEARCHES, SCHEMA, "integer"),
    Plant("assistant_without_time", _sequences(ASSISTANT, "GET /assistants/{assistant_id}"), SCHEMA, "updated_at"),
    Plant("item_put_with_body", ITEMS, STATUS, "200"),
    Plant("page_cut", _fuzzing(FEEDBACK), FORM, "no whole page"),
    # Threads and their states.
    Plant("thread_created", THREADS, STATUS, "201"),
    Plant("thread_renamed", THREADS, ONE_THREAD, "thread_id"),
    Plant("lifetime_lost", OPENED, ONE_THREAD, "ttl"),
    Plant("taken_is_invalid", OPENED, "valid_thread_is_accepted", "refused"),
    Plant("deleted_with_body", CLOSED, STATUS, "200"),
    Plant("deleted_is_found", CLOSED, "use_after_free", ""),
    Plant("busy_error", BUSY, ONE_THREAD, "busy"),
    Plant("busy_interrupts", BUSY, ONE_THREAD, "busy"),
    Plant("error_as_text", KEPT, SCHEMA, "ValueError"),
    Plant("timing_without_names", KEPT, "timing_can_be_read", ""),
    Plant("state_without_next", KEPT, STATES, "next"),
    Plant("state_of_another", KEPT, STATES, "another"),
    Plant("state_as_text", KEPT, FORM, "text/plain"),
    Plant("subgraphs_fail", KEPT, "not_a_server_error", "Internal Server Error"),
    Plant("select_ignored", KEPT, STATES, "nobody asked for"),
    Plant("anything_is_found", _sequences(THREAD, HISTORY, DELETE), "use_after_free", ""),
    Plant("limit_ignored", HISTORIES, STATES, "limit"),
    Plant("oldest_first", HISTORIES, STATES, "newest first"),
    Plant("before_included", HISTORIES, STATES, "before"),
)
