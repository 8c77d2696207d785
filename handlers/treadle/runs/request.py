"""From the body of a create request to the run that is stored: defaults, merging, reserved keys.

What the run sees is the request's own JSON; the typed body gives the fields that steer it. The forms are those of
the recorded official server, except where two fields could be merged instead of refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from uuid_utils import uuid4, uuid7

from treadle.encoding import encode, read_uuid
from treadle.errors import ContradictoryRequest, InvalidRequest
from treadle.execution.config import CONTEXT_PROVIDED, NOT_FORWARDED
from treadle.execution.tracing import TRACE_EXAMPLE, TRACE_PROJECT
from treadle.storage.contract.assistants import AssistantRecord
from treadle.storage.contract.runs import RunKwargs, RunRecord
from treadle.users import User, user_keys
from treadle_api.operations import CreateRunBody

Json = dict[str, Any]

# Only the server writes these; a request's are dropped without a word (recorded).
_RESERVED_CONFIGURABLE = frozenset(
    {
        "langgraph_auth_user",
        "langgraph_auth_user_id",
        "langgraph_auth_permissions",
        "langgraph_request_id",
        TRACE_PROJECT,
        TRACE_EXAMPLE,
        "__request_start_time_ms__",
        "__after_seconds__",
        "__dd_trace_headers__",
        "__pregel_node_finished",
        CONTEXT_PROVIDED,
    }
)
_RESERVED_METADATA = frozenset({"thread_id", "assistant_id", "run_id", "cron_id", "counters_since_delta_snapshot"})
# Fields that clients send beside the contract's. A stateless run always makes its thread, queues on nobody's, and
# resumes nothing: there is nothing more to do for `if_not_exists`, `multitask_strategy` and `strict_resume`.
_EXTENSIONS = frozenset(
    {
        "interrupt_before",
        "interrupt_after",
        "multitask_strategy",
        "if_not_exists",
        "strict_resume",
        "checkpoint",
        "checkpoint_id",
        "langsmith_tracer",
    }
)
# Fields of `langsmith_tracer`, and the keys of `configurable` that they become.
_TRACER_KEYS = {"project_name": TRACE_PROJECT, "example_id": TRACE_EXAMPLE}
# Seconds. The published document says the same: a run that is due after the year 9999 could not be shown.
_LONGEST_DELAY = 250_000_000_000


def _no_key(key: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Caller:
    """Facts about a request outside its body."""

    name: str = ""
    """The API key that it came with, and the user if there are users; empty where none is needed."""
    user: User | None = None
    request_id: str | None = None
    trace: Json = field(default_factory=dict)
    """Keys of `configurable` by which its runs continue its trace."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers that graphs find in `configurable`."""
    header_only: Callable[[str], bool] = _no_key
    """Whether headers alone may give a key of `configurable`: a proxy may vouch for them."""
    received_at: float = 0.0
    size: int = 0
    """Bytes of the body for each of its runs."""
    base_url: str | None = None
    """URL under which it reached the server, for links to it."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run that a client asks for."""

    body: CreateRunBody
    document: Json
    """The body as it came: JSON that the server does not look into reaches the graph unchanged."""
    place: str = ""
    """Where a batch has it, such as `[2].`: what errors put before the name of a field."""

    @property
    def ends_with_client(self) -> bool:
        """Whether the run is cancelled when the client leaves that waits for it or reads its stream."""
        return getattr(self.body, "on_disconnect", None) == "cancel"  # a request that does not wait has no client


def new_run(request: RunRequest, assistant: AssistantRecord, caller: Caller) -> RunRecord:
    """The pending run that a create request asks for: it starts from the assistant, and its own values win.

    Raises InvalidRequest (422) or ContradictoryRequest (400), naming the field.
    """
    body, document = request.body, request.document
    _refuse(body, document)
    due = _due(caller.received_at, body.after_seconds or 0)
    run_id, thread_id = str(uuid7()), str(uuid7())
    metadata = _metadata(document, assistant)
    return RunRecord(
        run_id=run_id,
        thread_id=thread_id,
        assistant_id=assistant.assistant_id,
        graph_id=assistant.graph_id,
        metadata=metadata,
        kwargs=_kwargs(body, document, assistant, caller, (run_id, thread_id), metadata),
        multitask_strategy=document.get("multitask_strategy", "enqueue"),
        created_at=due,
        updated_at=due,
        due=due,
        size=caller.size,
        base_url=caller.base_url if body.feedback_keys else None,
    )


def unknown_fields(document: Json, known: Collection[str]) -> list[str]:
    """Names in the request that mean nothing to Treadle, for the `Treadle-Ignored` header.

    A key of `config` that LangGraph does not know is no such name: the graph finds it in its `configurable`.
    """
    names = [name for name in document if name not in known and name not in _EXTENSIONS]
    return names + [f"config.{name}" for name in document.get("config") or () if name in NOT_FORWARDED]


def _refuse(body: CreateRunBody, document: Json) -> None:
    config = document.get("config") or {}
    keyed = {"config": config, "config.configurable": config.get("configurable"), "context": document.get("context")}
    if isinstance(checkpoint := document.get("checkpoint"), dict):
        keyed["checkpoint"] = checkpoint
    for name, mapping in keyed.items():
        if any("\0" in key for key in mapping or ()):
            raise InvalidRequest(f"{name}: a key must not contain NUL")
    if body.command is not None and body.command.resume:
        raise ContradictoryRequest("command.resume: there is no thread to resume: Treadle serves no runs on threads")


def _due(now: float, after_seconds: float) -> float:
    """When to start: a negative delay means now (recorded)."""
    if after_seconds > _LONGEST_DELAY:
        raise InvalidRequest(f"after_seconds: longer than {_LONGEST_DELAY}")
    return now + max(after_seconds, 0)


def _metadata(document: Json, assistant: AssistantRecord) -> Json:
    config_metadata = (document.get("config") or {}).get("metadata") or {}
    if not isinstance(config_metadata, dict):
        raise InvalidRequest(f"config.metadata: {config_metadata!r} is not an object")
    inherited = {**assistant.metadata, **(assistant.config.get("metadata") or {})}
    given = {**inherited, **config_metadata, **(document.get("metadata") or {})}
    kept = {key: value for key, value in given.items() if key not in _RESERVED_METADATA}
    return {**kept, "assistant_id": assistant.assistant_id}


def _kwargs(
    body: CreateRunBody,
    document: Json,
    assistant: AssistantRecord,
    caller: Caller,
    ids: tuple[str, str],
    metadata: Json,
) -> RunKwargs:
    modes = body.stream_mode or ["values"]
    config = document.get("config") or {}
    given = _merge_context(config.get("configurable") or {}, document.get("context") or {})
    inherited = {key: value for key, value in assistant.context.items() if not is_reserved(key)}
    context = {key: value for key, value in {**inherited, **given}.items() if not caller.header_only(key)}
    durability = body.durability
    if "durability" not in body.model_fields_set and not body.checkpoint_during:
        durability = "exit"
    return RunKwargs(
        input=document.get("input"),
        command=document.get("command"),
        config={
            **assistant.config,
            **config,
            "configurable": {
                **context,
                **caller.headers,
                **_checkpoint(document),
                **_tracer(document),
                **({CONTEXT_PROVIDED: True} if document.get("context") else {}),
                **_server_configurable(body, context, assistant, caller, ids),
            },
            "metadata": dict(metadata),
        },
        context=context,
        stream_mode=[modes] if isinstance(modes, str) else list(modes),
        interrupt_before=document.get("interrupt_before"),
        interrupt_after=document.get("interrupt_after"),
        webhook=body.webhook,
        feedback_keys=body.feedback_keys or None,
        temporary=body.on_completion == "delete",
        subgraphs=body.stream_subgraphs,
        resumable=body.stream_resumable,
        checkpoint_during=body.checkpoint_during,
        durability=durability,
    )


def _merge_context(configurable: Json, context: Json) -> Json:
    """The keys of both: each mirrors the other, as on the official server; there, giving both is refused."""
    own = {key: value for key, value in configurable.items() if not is_reserved(key)}
    given = {key: value for key, value in context.items() if not is_reserved(key)}
    return agreeing(own, given)


def agreeing(configurable: Json, context: Json) -> Json:
    """The keys of both. Raises ContradictoryRequest (400) if they give one key two values."""
    for key in configurable.keys() & context.keys():
        if encode(configurable[key]) != encode(context[key]):  # as JSON: 1 is not true
            raise ContradictoryRequest(f"context.{key} and config.configurable.{key} have different values")
    return {**configurable, **context}


def _checkpoint(document: Json) -> Json:
    """The checkpoint to start from, as the graph's config spells it (recorded); nothing is as good as none."""
    checkpoint = document.get("checkpoint") or {}
    if not isinstance(checkpoint, dict):
        raise InvalidRequest(f"checkpoint: {checkpoint!r} is not an object")
    address = {key: value for key, value in checkpoint.items() if not is_reserved(key)}
    if checkpoint_id := document.get("checkpoint_id"):
        address["checkpoint_id"] = checkpoint_id
    if given := address.get("checkpoint_id"):
        read_uuid("checkpoint_id", given)
    return address


def _tracer(document: Json) -> Json:
    """Where LangSmith is to keep the trace of the run, if the graphs are traced at all."""
    tracer = document.get("langsmith_tracer") or {}
    if not isinstance(tracer, dict):
        raise InvalidRequest(f"langsmith_tracer: {tracer!r} is not an object")
    for name in _TRACER_KEYS:
        if not isinstance(tracer.get(name), str | None):
            raise InvalidRequest(f"langsmith_tracer.{name}: {tracer[name]!r} is not a string")
    if example_id := tracer.get("example_id"):
        read_uuid("langsmith_tracer.example_id", example_id)
    return {key: tracer[name] for name, key in _TRACER_KEYS.items() if tracer.get(name)}


def is_reserved(key: str) -> bool:
    """Whether only the server writes the key of a `configurable`."""
    return key in _RESERVED_CONFIGURABLE or key.startswith("__otel_")


def _server_configurable(
    body: CreateRunBody, configurable: Json, assistant: AssistantRecord, caller: Caller, ids: tuple[str, str]
) -> Json:
    run_id, thread_id = ids
    known = user_keys(caller.user)
    return {
        **known,
        "langgraph_auth_user": None if caller.user is None else dict(caller.user),  # as JSON keeps it
        "langgraph_request_id": caller.request_id or str(uuid4()),
        **caller.trace,
        "__request_start_time_ms__": int(caller.received_at * 1000),
        "__after_seconds__": body.after_seconds or 0,
        "run_id": run_id,
        "thread_id": thread_id,
        "graph_id": assistant.graph_id,
        "assistant_id": assistant.assistant_id,
        "user_id": configurable.get("user_id", known["langgraph_auth_user_id"]),
    }
