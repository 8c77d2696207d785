"""`treadle conform`: examines a server, shows the progress, and writes the reports."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from treadle.conformance import reports
from treadle.conformance.attempts import Target
from treadle.conformance.calls import Caller
from treadle.conformance.contract import Contract
from treadle.conformance.examination import Examination, Unusable
from treadle.conformance.results import Examined
from treadle.errors import ConfigError

STANDARD_OUTPUT = "-"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    url: str
    assistant: str = ""
    input: str | None = None
    """JSON."""
    headers: Sequence[str] = ()
    operations: Sequence[str] = ()
    read_only: bool = False
    timeout: float = 30.0


def conform(request: Request, outputs: Mapping[str, str]) -> bool:
    """Examine a server, and write each report to its file. Returns whether nothing failed.

    Raises ConfigError if the server cannot be examined, or a report cannot be written.
    """
    errors = Console(stderr=True)
    try:
        examined = _examine(request, errors)
    except (Unusable, OSError) as error:
        raise ConfigError(str(error)) from None
    for form, file in outputs.items():
        _write(file, FORMS[form](examined), form)
    quiet = STANDARD_OUTPUT in outputs.values()
    reports.show(examined, errors if quiet else Console())
    return examined.passed


FORMS = {"json": reports.as_json, "junit": reports.as_junit, "markdown": reports.as_markdown}


def _examine(request: Request, console: Console) -> Examined:
    contract = Contract.load()
    caller = Caller(_url(request.url), dict(_header(each) for each in request.headers), request.timeout)
    target = Target(contract, caller, request.assistant, _json(request.input), read_only=request.read_only)
    try:
        examination = Examination(target, request.operations)
        server = examination.prepare()
        examined = Examined(caller.url, server, 2 if target.graphs else 1, contract.digest, statuses=target.statuses)
        with _progress(console, len(examination.plan)) as advance:
            for result in examination.results():
                examined.results.append(result)
                advance(result.operation)
    finally:
        caller.close()
    return examined


@contextmanager
def _progress(console: Console, checks: int) -> Iterator[Any]:
    """A bar in a terminal, and elsewhere a line for each operation that begins."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=checks)
            yield lambda operation: progress.update(task, advance=1, description=operation)
        return
    begun: set[str] = set()

    def say(operation: str) -> None:
        if operation not in begun:
            begun.add(operation)
            print(f"treadle: examining {operation}", file=sys.stderr, flush=True)

    yield say


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise Unusable(f"{text}: give the address of a server, such as http://127.0.0.1:2024")
    return text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Unusable(f"--header {name}: give a header as 'name: value'")
    return name.strip(), value.strip()


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise Unusable(f"--input is not JSON: {error}") from None


def _write(file: str, text: str, form: str) -> None:
    if file == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"--{form} {file}: {error.strerror}") from None
