"""What an exception of the author's handlers says to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from treadle.errors import HandlerFailed, Refused, TreadleError


async def contained(work: Awaitable[Any]) -> Any:
    """What the author's code returns. Raises HandlerFailed instead of what would end more than its request."""
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # the request itself has ended
            raise
        raise HandlerFailed from error
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:  # such as SystemExit
        raise HandlerFailed from error


def refusal_of(error: Exception, *, assertion: int) -> TreadleError:
    """The error that a client gets; `assertion` is the status for an assertion that fails in a handler."""
    if isinstance(error, TreadleError):
        return error
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and hasattr(error, "detail"):  # the exceptions of the SDK, Starlette and FastAPI
        headers = {name.lower(): value for name, value in (getattr(error, "headers", None) or {}).items()}
        return Refused(status, str(error.detail), headers)
    if isinstance(error, AssertionError):
        return Refused(assertion, str(error) or "The request was refused")
    return HandlerFailed()  # what is wrong is for the log alone
