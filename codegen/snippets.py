"""Requests as code to copy: curl, Python with the client, JavaScript with `fetch`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from codegen.facade import Argument, Method
from codegen.table import Operation

ADDRESS = "http://127.0.0.1:2024"
"""Stands for the server in all snippets; the page puts its own address in its place."""
WIDTH = 54
"""Characters of a line, which has to fit beside the text."""


@dataclass(frozen=True, slots=True)
class Request:
    """The values that an example sends to an operation."""

    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def url(self, operation: Operation) -> str:
        """Where it is sent to."""
        path = operation.path
        for name, value in self.path.items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        return f"{ADDRESS}{path}" + (f"?{urlencode(self.query)}" if self.query else "")

    def sent_headers(self) -> dict[str, str]:
        """Those of its own, and the one that its body needs."""
        return {**({} if self.body is None else {"content-type": "application/json"}), **self.headers}


def as_json(value: Any, indent: int = 0, width: int = WIDTH) -> str:
    """JSON in lines of a width, if its texts allow it."""
    return _laid_out(value, lambda leaf: json.dumps(leaf, ensure_ascii=False), indent, width, 2)


def _as_python(value: Any, prefix: int) -> str:
    def leaf(part: Any) -> str:
        return json.dumps(part, ensure_ascii=False) if isinstance(part, str) else repr(part)

    return _laid_out(value, leaf, 4, WIDTH - prefix, 4)


def _laid_out(value: Any, leaf: Callable[[Any], str], indent: int, width: int, step: int) -> str:
    """An object or array in one line if it fits, else with a line for each of its parts."""
    if not isinstance(value, dict | list) or not value:
        return leaf(value)
    line = _in_one_line(value, leaf)
    if indent + len(line) <= width:
        return line
    inner = indent + step
    if isinstance(value, dict):
        parts = [f"{leaf(name)}: {_laid_out(part, leaf, inner, width, step)}" for name, part in value.items()]
    else:
        parts = [_laid_out(part, leaf, inner, width, step) for part in value]
    lines = "".join(f"\n{' ' * inner}{part}," for part in parts).removesuffix(",")
    return f"{_brackets(value)[0]}{lines}\n{' ' * indent}{_brackets(value)[1]}"


def _in_one_line(value: Any, leaf: Callable[[Any], str]) -> str:
    if isinstance(value, dict):
        parts = [f"{leaf(name)}: {_in_one_line(part, leaf)}" for name, part in value.items()]
    elif isinstance(value, list):
        parts = [_in_one_line(part, leaf) for part in value]
    else:
        return leaf(value)
    return _brackets(value)[0] + ", ".join(parts) + _brackets(value)[1]


def _brackets(value: Any) -> str:
    return "{}" if isinstance(value, dict) else "[]"


def curl(operation: Operation, request: Request) -> str:
    """A command for a shell."""
    flags = "-sN" if operation.is_stream else "-s"
    method = "" if operation.method == ("GET" if request.body is None else "POST") else f" -X {operation.method}"
    lines = [f"curl {flags}{method} {shlex.quote(request.url(operation))}"]
    lines += [f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in request.sent_headers().items()]
    if request.body is not None:
        lines.append(f"  -d {shlex.quote(as_json(request.body, 2))}")
    return " \\\n".join(lines)


def javascript(operation: Operation, request: Request, *, is_empty: bool) -> str:
    """A module for browsers and Node; `is_empty`: the answer has no body."""
    options = []
    if operation.method != "GET":
        options.append(f"method: {json.dumps(operation.method)}")
    if headers := request.sent_headers():
        options.append(f"headers: {as_json(headers, 2)}")
    if request.body is not None:
        options.append(f"body: JSON.stringify({as_json(request.body, 2)})")
    given = "".join(f"  {option},\n" for option in options)
    url = json.dumps(request.url(operation))
    lines = [
        f"const response = await fetch({url}, {{\n{given}}});" if given else f"const response = await fetch({url});"
    ]
    if operation.is_stream:
        lines += [
            "const text = response.body.pipeThrough(new TextDecoderStream());",
            "for await (const chunk of text) console.log(chunk);",
        ]
    else:
        lines.append(f"console.log({'response.status' if is_empty else 'await response.json()'});")
    return "\n".join(lines)


def python(attribute: str, method: Method, request: Request) -> str:
    """A script that uses `treadle_client`."""
    given = [_as_python(_value(each, request), 0) for each in method.positional]
    given += [
        f"{each.name}={_as_python(_value(each, request), len(each.name) + 1)}"
        for each in method.keywords
        if each.wire in _holder(each, request)
    ]
    call = f"client.{attribute}.{method.name}({', '.join(given)})"
    if len(call) > WIDTH - len("result = ") or "\n" in call:
        call = f"client.{attribute}.{method.name}(\n" + "".join(f"    {each},\n" for each in given) + ")"
    lines = ["from treadle_client import Treadle", "", f'client = Treadle("{ADDRESS}")']
    if method.operation.is_stream:
        lines += [f"with {call} as stream:", "    for event in stream:", "        print(event.name, event.data)"]
    elif method.operation.media_type is None:
        lines.append(call)
    else:
        lines += [f"result = {call}", "print(result)"]
    return "\n".join(lines)


def _value(argument: Argument, request: Request) -> Any:
    if argument.in_body and argument.wire == "body" and not isinstance(request.body, dict):
        return request.body
    return _holder(argument, request).get(argument.wire, f"<{argument.name}>")


def _holder(argument: Argument, request: Request) -> dict[str, Any]:
    if argument.in_body:
        return request.body if isinstance(request.body, dict) else {}
    return {**request.path, **request.query, **request.headers}
