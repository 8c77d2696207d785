"""Tracebacks for the log of a failed run: the author's own code, without the machinery around it."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_MACHINERY = (str(Path(__file__).parents[1]), *(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")))


def is_own(file: str) -> bool:
    """Whether a source file is the author's, and not Treadle's, a library's or Python's."""
    return not file.startswith((*_MACHINERY, "<"))


def own_traceback(error: BaseException) -> str:
    """The traceback of `error` reduced to the frames of graphs; all of them if none is a graph's."""
    report = traceback.TracebackException.from_exception(error)
    own = [frame for frame in report.stack if is_own(frame.filename)]
    if own:
        report.stack = traceback.StackSummary.from_list(own)
    return "".join(report.format(chain=False)).rstrip()
