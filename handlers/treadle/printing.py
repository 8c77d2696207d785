"""How `treadle run` prints: one line for each event for programs, at length and in colours for people on a terminal."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from treadle.encoding import parse

# Seconds without news after which there is a sign of life.
QUIET = 0.5
# Characters of an event's data that still fit beside its name.
SHORT = 80


class Printing(ABC):
    """Prints the events or the outcome of a run."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @abstractmethod
    def event(self, name: str, data: bytes) -> None:
        """Print an event of the run's stream."""

    @abstractmethod
    def outcome(self, body: bytes, *, failed: bool) -> None:
        """Print what a wait for the run would have answered."""

    @property
    def inside_a_line(self) -> bool:
        """Whether the last line has no end yet."""
        return False

    def close(self) -> None:
        """End the last line; there are no more events."""
        self._file.flush()

    def _line(self, text: str) -> None:
        print(text, file=self._file, flush=True)


class JsonLines(Printing):
    """One JSON document a line; an event is `{"event": …, "data": …}`."""

    def event(self, name: str, data: bytes) -> None:
        self._line(f'{{"event": {json.dumps(name)}, "data": {data.decode()}}}')

    def outcome(self, body: bytes, *, failed: bool) -> None:
        self._line(body.decode())


class Lines(Printing):
    """Events as a name and JSON on a line of their own; the outcome as indented JSON."""

    def event(self, name: str, data: bytes) -> None:
        self._line(f"{name} {data.decode()}")

    def outcome(self, body: bytes, *, failed: bool) -> None:
        self._line(json.dumps(parse(body), indent=2, ensure_ascii=False))


class Readable(Printing):
    """For people: JSON in colours, unless NO_COLOR is set, and messages as text that grows token by token."""

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        self._console = Console(file=file, soft_wrap=True)
        self._speaking: str | None = None
        """The message whose text the last line shows so far."""
        self._said = ""

    def event(self, name: str, data: bytes) -> None:
        document = parse(data)
        if name == "messages/metadata":
            return  # names the message that comes next
        if (message := _message(name, document)) is None:
            self.close()
            short = len(data) <= SHORT
            self._console.print(Text(name, style="bold cyan"), end="  " if short else "\n")
            self._console.print_json(data.decode(), indent=None if short else 2)
        elif message.text:
            self._say(message)

    def outcome(self, body: bytes, *, failed: bool) -> None:
        if not failed:  # standard error tells of it
            self._console.print_json(json.dumps(parse(body)))

    def _say(self, message: _Message) -> None:
        if message.id != self._speaking:
            self.close()
            self._console.print(Text(message.speaker, style="bold green"))
            self._speaking = message.id
        new = message.text
        if message.whole:
            new = new.removeprefix(self._said)
        self._said += new
        # Whatever a message says, it says nothing to the terminal.
        shown = "".join(each for each in new if each.isprintable() or each in "\n\t")
        self._console.print(Text(shown), end="")

    @property
    def inside_a_line(self) -> bool:
        return self._speaking is not None

    def close(self) -> None:
        if self._speaking is not None:
            self._console.print()
        self._speaking, self._said = None, ""


class _Message(NamedTuple):
    id: str
    speaker: str
    text: str
    whole: bool
    """Whether the text is all of the message so far, or only what is new."""


def _message(event: str, data: Any) -> _Message | None:
    """The message in an event of the modes `messages` and `messages-tuple`, if text is all that it has to say."""
    kind = event.partition("|")[0]
    if kind not in ("messages", "messages/partial", "messages/complete"):
        return None
    message, about = data[0], data[1] if kind == "messages" else {}
    text = message.get("content")
    if not isinstance(text, str) or message.get("tool_calls") or message.get("tool_call_chunks"):
        return None
    node = about.get("langgraph_node")
    speaker = f"{event}, from {node}" if node else f"{event.partition('/')[0]}, {message.get('type')}"
    chunk = kind == "messages" and message.get("type") == "AIMessageChunk"
    return _Message(str(message.get("id")), speaker, text, whole=not chunk)


class SignOfLife:
    """A spinner and the seconds so far on standard error, if that is a terminal, while nothing else is to be seen."""

    def __init__(self, what: str) -> None:
        console = Console(stderr=True)
        self._progress: Progress | None = None
        if console.is_interactive:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._progress = Progress(
                *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._progress.add_task(what, total=None)

    @contextmanager
    def while_waiting(self) -> Iterator[None]:
        """Show it as soon as the block has taken a moment, and remove it at its end."""
        if self._progress is None:
            yield
            return
        timer = asyncio.get_running_loop().call_later(QUIET, self._progress.start)
        try:
            yield
        finally:
            timer.cancel()
            self._progress.stop()
