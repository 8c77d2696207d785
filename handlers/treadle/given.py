"""JSON that is given at the command line: as text, in a file, or at standard input."""

from __future__ import annotations

import codecs
import json
import sys
from pathlib import Path
from typing import Any

from treadle.encoding import MAX_DEPTH, parse, too_deep
from treadle.errors import InvalidRequest


def in_file(option: str, name: str) -> Any:
    """The JSON document in a file, or at standard input for `-`. Raises InvalidRequest, naming option and file."""
    where = f"{option} {name}"
    try:
        given = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except FileNotFoundError:
        raise InvalidRequest(f"{where}: no such file") from None
    except IsADirectoryError:
        raise InvalidRequest(f"{where}: a folder; name a file in it") from None
    except (OSError, ValueError) as error:  # the latter of a name that no file can have
        raise InvalidRequest(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return _document(where, given.removeprefix(codecs.BOM_UTF8))


def in_text(argument: str, text: str, hint: str = "") -> Any:
    """The JSON document in a text. Raises InvalidRequest, naming the argument and saying the `hint`."""
    return _document(argument, text.encode("utf-8", "surrogateescape"), hint)


def object_in_text(option: str, text: str) -> dict[str, Any]:
    """The JSON object in a text. Raises InvalidRequest, naming the option."""
    document = in_text(option, text)
    if not isinstance(document, dict):
        raise InvalidRequest(f'{option}: give a JSON object, such as \'{{"key": "value"}}\'')
    return document


def _document(where: str, given: bytes, hint: str = "") -> Any:
    try:
        given.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{where}: not text in UTF-8, at byte {error.start + 1}{hint}") from None
    if not given.strip():
        raise InvalidRequest(f"{where}: empty; JSON is expected{hint}")
    try:
        document = parse(given)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"{where}: not valid JSON at {place}: {error.msg}{hint}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{where}: not valid JSON: {error}{hint}") from None
    if too_deep(document):
        raise InvalidRequest(f"{where}: nested deeper than {MAX_DEPTH} levels")
    return document
