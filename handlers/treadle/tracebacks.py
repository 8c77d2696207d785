"""Where the author's own code failed: the place in a line, and tracebacks without the machinery around it."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from pathlib import Path

_TREADLE = f"{Path(__file__).parent}{os.sep}"
_PYTHON = sysconfig.get_path("stdlib") + os.sep
_INSTALLED = tuple(sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib"))


def is_own(file: str) -> bool:
    """Whether a source file is the author's, and not Treadle's, a library's or Python's."""
    return not file.startswith((_TREADLE, _PYTHON, *_INSTALLED, "<"))


def own_traceback(error: BaseException) -> str:
    """The traceback of `error` reduced to the frames of graphs; all of them if none is a graph's."""
    report = traceback.TracebackException.from_exception(error)
    own = [frame for frame in report.stack if is_own(frame.filename)]
    if own:
        report.stack = traceback.StackSummary.from_list(own)
    try:
        return "".join(report.format(chain=False)).rstrip()
    except (TypeError, ValueError):  # a SyntaxError that was made by hand, with a place of a wrong kind
        return "".join([*report.stack.format(), f"{type(error).__name__}: {error}"])


def in_one_line(error: BaseException) -> str:
    """The class and the text of `error`, and the file and line of the author's code that raised it, if any did."""
    report = traceback.TracebackException.from_exception(error)
    text, place = str(report), _place(report.stack)
    if isinstance(error, SyntaxError) and error.filename:  # no frame has its place: that code does not run
        text, place = error.msg, f"{error.filename}:{error.lineno}"
    return f"{type(error).__name__}: {' '.join(text.split())}{_advice(error)}" + (f" ({place})" if place else "")


def raised_at(error: BaseException) -> str | None:
    """The file and line of the author's code that raised `error`: for logs that must not have its text."""
    return _place(traceback.extract_tb(error.__traceback__))


def _advice(error: BaseException) -> str:
    """What to do about mistakes in a project whose exceptions do not say it."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"; install it with {sys.executable} -m pip, or name its folder in dependencies"
    if isinstance(error, ImportError) and "no known parent package" in str(error):
        return "; put an __init__.py into its folder, or import without the dot"
    return ""


def _place(stack: traceback.StackSummary) -> str | None:
    own = [frame for frame in stack if is_own(frame.filename)]
    # A project may be installed as a library is: then the module that the graph was looked for in.
    modules = [frame for frame in stack if frame.name == "<module>" and frame.filename.startswith(_INSTALLED)]
    return next((f"{frame.filename}:{frame.lineno}" for frame in (*own[::-1], *modules)), None)
