"""The contract that servers are judged by: the document of the operations that Treadle serves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jsonschema_rs import Registry, ValidationError, validator_for

from treadle.conformance import streams
from treadle.conformance.answers import verify_error
from treadle.conformance.verdicts import Broken

Json = dict[str, Any]
DOCUMENT = "treadle_api/openapi.json"
ADDRESS = "urn:contract"
METHODS = ("get", "put", "post", "delete", "patch")
MOST_FAULTS = 5
"""Of one body. One wrong value can break many rules."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of an answer that the contract does not allow, and the place in the contract that says so."""

    problem: str
    pointer: str


class Contract:
    """The document, the lines of its parts, and its verdict on answers."""

    def __init__(self, text: str) -> None:
        self.document: Json = json.loads(text)
        self.digest = sha256(text.encode()).hexdigest()
        """Tells one edition of the document from another."""
        self._lines: dict[str, int] = {}
        _note(self.document, "#", 1, self._lines)
        self._schemas = Registry([(ADDRESS, {key: self.document[key] for key in ("components", "paths")})])
        self._validators: dict[str, Any] = {}
        self.pointers = {
            f"{method.upper()} {path}": f"#/paths/{_escaped(path)}/{method}"
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item
        }
        """Operation -> its place, for each operation by its label: `GET /ok`."""

    @classmethod
    def load(cls) -> Contract:
        """The document of this version of Treadle."""
        package, _, name = DOCUMENT.partition("/")
        return cls(files(package).joinpath(name).read_text("utf-8"))

    def line(self, pointer: str) -> int:
        """The line of a place in the document; of its nearest parent, if the document has no such place."""
        while pointer not in self._lines:
            pointer = pointer.rpartition("/")[0]
        return self._lines[pointer]

    def field(self, operation: str, name: str) -> str:
        """The place of a field of the request; of the whole request, if the contract does not list the field."""
        return self.fields(operation).get(name) or f"{self.pointers[operation]}/requestBody"

    def fields(self, operation: str) -> dict[str, str]:
        """Name -> place of each field of a request; of a run of a batch, if the request is a batch."""
        return dict(self._properties(f"{self.pointers[operation]}/requestBody/content/application~1json/schema"))

    def refuses(self, operation: str, field: str, value: Any) -> bool:
        """Whether a value of a field is invalid."""
        return not self._validator(self.field(operation, field)).is_valid(value)

    def faults(self, operation: str, status: int, headers: Mapping[str, str], content: bytes) -> Iterator[Fault]:
        """The faults of an answer to an operation. The names of `headers` have any case."""
        responses = f"{self.pointers[operation]}/responses"
        if status >= 500:
            yield Fault(f"the server fails with {status}: {content[:200]!r}", responses)
        declared = self._at(responses).get(str(status))
        if declared is None:
            yield Fault(f"status {status} is not declared", responses)
        else:
            yield from self._header_faults(f"{responses}/{status}", declared, headers)
        if status >= 400:
            yield from self._error_faults(f"{responses}/{status}" if declared else responses, status, content)
        elif declared is not None:
            yield from self._content_faults(f"{responses}/{status}", declared.get("content", {}), headers, content)

    def _header_faults(self, pointer: str, declared: Json, headers: Mapping[str, str]) -> Iterator[Fault]:
        for name, header in declared.get("headers", {}).items():
            place = f"{pointer}/headers/{name}"
            if header.get("required") and name.lower() not in headers:
                yield Fault(f"the header {name} is missing", place)

    def _error_faults(self, pointer: str, status: int, content: bytes) -> Iterator[Fault]:
        try:
            verify_error(status, content)
        except Broken as broken:
            yield Fault(broken.problem, f"{pointer}/content/application~1json/schema")

    def _content_faults(
        self, pointer: str, declared: Json, headers: Mapping[str, str], content: bytes
    ) -> Iterator[Fault]:
        if not declared:
            if content:
                yield Fault(f"the answer has a body where none is declared: {content[:80]!r}", pointer)
            return
        sent = headers.get("content-type", "")
        media_type = sent.partition(";")[0].strip().lower()
        if media_type not in declared:
            yield Fault(f"content-type is {sent!r}, and {', '.join(declared)} is declared", f"{pointer}/content")
            return
        place = f"{pointer}/content/{_escaped(media_type)}"
        if media_type == "text/event-stream":
            yield from self._stream_faults(f"{place}/x-itemSchema", content)
            return
        try:
            body = json.loads(content)
        except ValueError:
            yield Fault(f"the body is not JSON: {content[:80]!r}", place)
            return
        yield from self._schema_faults(f"{place}/schema", body)

    def _stream_faults(self, pointer: str, content: bytes) -> Iterator[Fault]:
        try:
            events = streams.read(content)
        except Broken as broken:
            yield Fault(broken.problem, pointer)
            return
        for event in events:
            # Ids are left to `streams`: servers number events in more than one way.
            for fault in self._schema_faults(pointer, {"event": event.name, "data": json.dumps(event.data)}):
                yield Fault(f"event {event.name}: {fault.problem}", fault.pointer)
            yield from self._data_faults(event)

    def _data_faults(self, event: streams.Event) -> Iterator[Fault]:
        """A validator does not look inside a string: the schemas of data are applied to the data itself."""
        named = {"metadata": "RunStarted", "error": "RunFailure", "feedback": "FeedbackLinks"}.get(event.name)
        if named is not None:
            for fault in self._schema_faults(f"#/components/schemas/{named}", event.data):
                yield Fault(f"event {event.name}: {fault.problem}", fault.pointer)

    def _schema_faults(self, pointer: str, value: Any) -> Iterator[Fault]:
        errors: Iterator[ValidationError] = self._validator(pointer).iter_errors(value)
        for _, error in zip(range(MOST_FAULTS), errors, strict=False):
            where = "/".join(str(part) for part in error.instance_path) or "the body"
            place = "/".join(_escaped(str(part)) for part in error.schema_path)
            yield Fault(f"{where}: {error.message[:200]}", f"#/{place}" if place else pointer)

    def _validator(self, pointer: str) -> Any:
        if pointer not in self._validators:
            # A $ref is a URI: the braces of a path have to be percent-encoded in it.
            reference = ADDRESS + quote(pointer, safe="#/~")
            self._validators[pointer] = validator_for({"$ref": reference}, registry=self._schemas)
        return self._validators[pointer]

    def _properties(self, pointer: str) -> Iterator[tuple[str, str]]:
        schema = self._at(pointer)
        if "$ref" in schema:
            yield from self._properties(schema["$ref"])
        if "items" in schema:
            yield from self._properties(f"{pointer}/items")
        for number, _ in enumerate(schema.get("allOf", ())):
            yield from self._properties(f"{pointer}/allOf/{number}")
        for name in schema.get("properties", ()):
            yield name, f"{pointer}/properties/{name}"

    def _at(self, pointer: str) -> Json:
        found: Any = self.document
        for part in pointer.split("/")[1:]:
            found = found[int(part) if isinstance(found, list) else part.replace("~1", "/").replace("~0", "~")]
        return found  # type: ignore[no-any-return]


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _note(value: Any, pointer: str, line: int, lines: dict[str, int]) -> int:
    """Note the line of each part of a document that `json.dumps(…, indent=2)` has written. Returns its last line."""
    lines[pointer] = line
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    last = line
    for name, part in parts:
        last = _note(part, f"{pointer}/{_escaped(str(name))}", last + 1, lines)
    return last + 1 if parts and last > line else last
