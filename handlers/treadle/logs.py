"""Structured logs: for people on a terminal, one JSON object a line anywhere else."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from treadle.encoding import dump


def configure_logs(level: str, *, pretty: bool | None = None) -> None:
    """Send Treadle's and the libraries' logs to standard error, in one form."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.types.Processor]
    if sys.stderr.isatty() if pretty is None else pretty:
        final = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        final = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # uvicorn's own lines about starting and stopping repeat what Treadle says.
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.setLevel("WARNING")
    # And so does this one, about streams that are broken off on purpose.
    uvicorn.addFilter(lambda record: "without completing response" not in record.getMessage())


def _json(value: Any, **options: Any) -> str:
    return dump(value).decode()
