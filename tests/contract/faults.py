"""What Schemathesis found, read from its NDJSON events: one fault for each cause, with the request that repeats it."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
# One wrong answer fails several checks. The first of these that has failed says the most; our own come before them.
_ORDER = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
    "missing_required_header",
    "negative_data_rejection",
    "positive_data_acceptance",
)
# What two requests with the same fault differ in: ids, numbers, what is quoted, and lists of it; and, where a field of
# a request is not checked, what was wrong with it.
_CHANGING = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
_LIST = re.compile(r"\[[^\[\]]*(\]|$)")
_UNCHECKED = re.compile(r"(accepted: in \w+ - .+?): [A-Z][^:]*$")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, as it was met first."""

    operation: str
    check: str
    status: int | None
    reason: str
    """What is wrong, in one line; it names the field if the answer or the check does."""
    detail: str
    """The `detail` of the answer; empty without one."""
    curl: str

    @property
    def gist(self) -> str:
        """The reason without what two requests with the same fault differ in."""
        return _CHANGING.sub("#", _LIST.sub("[]", _UNCHECKED.sub(r"\1", self.reason)))

    def told(self, others: int = 0) -> str:
        """A line about it, and one with the request; `others`: how many other operations have the same fault."""
        more = f" (and {others} more)" if others else ""
        return f"{self.operation}{more}: {self.check}: {self.status or 'no answer'}: {self.reason}\n    {self.curl}"


class Faults:
    """The distinct faults in the events that are added, in the order in which they were met."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int | None, str], Fault] = {}

    def add(self, record: Json) -> None:
        """Add the faults of one event."""
        if "ScenarioFinished" in record:
            for fault in _of_scenario(record["ScenarioFinished"]["recorder"]):
                self._found.setdefault((fault.operation, fault.check, fault.status, fault.gist), fault)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    @property
    def causes(self) -> list[tuple[Fault, int]]:
        """The first of the faults that have one cause, with the number of the others."""
        together: dict[tuple[str, str], list[Fault]] = {}
        for fault in self:
            together.setdefault((fault.check, fault.gist), []).append(fault)
        return [(found[0], len({fault.operation for fault in found}) - 1) for found in together.values()]


def _of_scenario(recorder: Json) -> Iterator[Fault]:
    for case_id, checks in recorder.get("checks", {}).items():
        failed = [check for check in checks if check["status"] == "failure"]
        if failed:
            case, interaction = recorder["cases"][case_id]["value"], recorder["interactions"].get(case_id, {})
            yield _fault(case, interaction, min(failed, key=_rank))


def _rank(check: Json) -> int:
    return _ORDER.index(check["name"]) if check["name"] in _ORDER else -1


def _fault(case: Json, interaction: Json, check: Json) -> Fault:
    response = interaction.get("response") or {}
    detail = _detail(response)
    # Why a request was not carried out is in the answer; what is wrong with an answer, in the check.
    told = detail and check["name"] in ("positive_data_acceptance", "not_a_server_error")
    reason = detail if told else _said(check.get("failure_info", {}).get("failure", {}), response)
    return Fault(
        operation=f"{case['method']} {case['path']}",
        check=check["name"],
        status=response.get("status_code"),
        reason=reason[:_LONGEST],
        detail=detail,
        curl=curl(interaction["request"]) if "request" in interaction else "",
    )


def _said(failure: Json, response: Json) -> str:
    """What a check says, in one line: first the place of what is wrong, without what is said of every such fault."""
    title, message = failure.get("title", ""), failure.get("message", "")
    if title.startswith("Custom check failed"):  # its name stands beside it
        return " ".join(message.split())
    if failure.get("type") == "JsonSchemaError":
        title += _place(message, response)
        # A name is no value, and is not quoted like one.
        message = re.sub(r'^"(\w+)" is a required', r"\1 is a required", message.partition("\n\n")[0])
    elif failure.get("type") == "AcceptedNegativeData":
        message = message.rpartition("Invalid component:")[2]
    elif failure.get("type") == "MissingHeaders":
        message = message.rpartition(":\n- ")[2]
    return " ".join(f"{title}: {message}".split())


def _place(message: str, response: Json) -> str:
    """Where the schema is that a value breaks; of a header, its name, which Schemathesis does not say."""
    if pointer := re.search(r"^Schema at (\S+):$", message, re.MULTILINE):
        return f" at {pointer[1]}"
    value = message.rpartition("Value:\n")[2].strip().strip('"')
    named = [name for name, values in response.get("headers", {}).items() if values == [value]]
    return f" of {named[0]}" if named else ""


def _detail(response: Json) -> str:
    try:
        document = json.loads(_payload(response.get("content")))
    except ValueError:
        return ""
    return str(document.get("detail", "")) if isinstance(document, dict) else ""


def curl(request: Json) -> str:
    """The command that sends a request again."""
    parts = ["curl", "-X", request["method"]]
    for name, values in request.get("headers", {}).items():
        if name.lower() in ("content-type", "idempotency-key", "last-event-id", "x-api-key"):
            parts += ["-H", f"{name}: {values[0]}"]
    if body := _payload(request.get("body")):
        parts += ["--data-raw", body.decode("utf-8", "replace")]
    return shlex.join([*parts, request["uri"]])


def _payload(content: Any) -> bytes:
    return base64.b64decode(content["$base64"]) if isinstance(content, dict) and "$base64" in content else b""
