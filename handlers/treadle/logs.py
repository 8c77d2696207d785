"""Structured logs: for people on a terminal, one JSON object a line anywhere else."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any, TextIO

import structlog

from treadle.encoding import dump, odd
from treadle.execution.log_context import add_node

_extra_of = structlog.stdlib.ExtraAdder()


def configure_logs(level: str, *, pretty: bool | None = None) -> None:
    """Send Treadle's and the libraries' logs to standard error, in one form."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_node,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.types.Processor]
    if sys.stderr.isatty() if pretty is None else pretty:
        coloured = not os.environ.get("NO_COLOR")
        final = [structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=structlog.dev.plain_traceback)]
    else:
        final = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_add_extra, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, _Shortcut(handler, final)],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiosqlite").setLevel(max(root.level, logging.INFO))  # at debug it quotes every row
    # uvicorn's own lines about starting and stopping repeat what Treadle says.
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.setLevel("WARNING")
    uvicorn.addFilter(_is_defect)


class _Shortcut:
    """The last processor: writes Treadle's own lines itself, which takes a third of the time that `logging` takes.

    All lines go by way of `logging` if the author's code has handlers, filters or patches there that would miss them.
    """

    def __init__(self, handler: logging.StreamHandler[TextIO], final: Sequence[structlog.types.Processor]) -> None:
        self._handler = handler
        self._only = [handler]
        self._final = final
        self._way = self._present_way()

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        if not self._is_free(logger):
            return structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, method, event)
        line: Any = dict(event)
        try:
            for processor in self._final:
                line = processor(logger, method, line)
        except Exception:  # of a class in the event: `logging` reports it, and the caller goes on
            return structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, method, event)
        # A log that cannot be written must not end a run.
        with self._handler.lock or nullcontext(), suppress(OSError, ValueError):
            self._handler.stream.write(f"{line}\n")
            self._handler.flush()
        raise structlog.DropEvent

    def _is_free(self, logger: logging.Logger) -> bool:
        """Whether the line is Treadle's, and passes nothing of the author's on its way through `logging`."""
        if not logger.name.startswith("treadle.") or logging.root.handlers != self._only:
            return False
        each: logging.Logger | None = logger
        while each is not None and each is not logging.root:
            if each.handlers or each.filters or not each.propagate:
                return False
            each = each.parent
        return not self._handler.filters and self._present_way() == self._way

    def _present_way(self) -> tuple[Any, ...]:
        return logging.Logger.callHandlers, logging.getLogRecordFactory(), self._handler.formatter, self._handler.level


def _is_defect(record: logging.LogRecord) -> bool:
    """Whether uvicorn reports a defect. Treadle breaks answers off on purpose when it ends or lets a run go."""
    cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cancelled and "without completing response" not in record.getMessage()


def _add_extra(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event with the `extra` of a standard library's record. A key of `extra` never replaces one of the event."""
    return {**_extra_of(logger, method, {"_record": event["_record"]}), **event}


def _json(value: Any, **options: Any) -> str:
    return dump(value, _shown).decode()


def _shown(value: Any) -> Any:
    """A JSON-ready stand-in for a value in the log: its `repr` if `odd` has none."""
    shown = odd(value)
    return repr(value) if shown is None else shown
