"""Servers of other editions: they start, answer runs, and refuse by name what no handler reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from codegen.spec import ROOT
from codegen.verify import verify
from tests.codegen.changes import Change, edited, replaced, with_field, without_field
from tests.codegen.editions import Workshop
from tests.codegen.synthetic import BREAKING, CREATE, HARMLESS


@contextmanager
def served(generated: Path) -> Iterator[httpx.Client]:
    """A client of a server of the examples, with the generated packages in place of the project's."""
    command = [sys.executable, "-m", "treadle", "serve", str(ROOT / "examples" / "langgraph.json"), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(generated), "DATABASE_URI": "memory://"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        try:
            with httpx.Client(base_url=json.loads(server.stderr.readline())["url"], timeout=60) as http:
                yield http
        finally:
            server.terminate()
            server.communicate()


def generated(workshop: Workshop, *changes: Change, allow_missing: bool = False) -> Path:
    """The packages of the vendored edition with changes; the project's own handlers have what they need of it."""

    def change(document: dict[str, object]) -> None:
        for each in changes:
            each(document)

    output = workshop.generate(contract=edited(change), allow_missing=allow_missing)
    missing = [each.name for each in output.served.missing]
    verify(output.operations, workshop.generated, ROOT / "handlers" / "treadle" / "web" / "routes.py", missing)
    return workshop.generated


RUN = {"assistant_id": "triage", "input": {"email": "Subject: hello\n\nHow are you?"}}


def test_what_is_new_is_refused_by_name_and_what_is_lost_is_absent(workshop: Workshop) -> None:
    packages = generated(
        workshop,
        with_field(CREATE, "priority", {"type": "integer"}),
        replaced(CREATE, "durability", enum=["sync", "async", "exit", "lazy"]),
        without_field(CREATE, "webhook"),
        HARMLESS["a new parameter"][0],
        HARMLESS["a parameter less"][0],
    )
    with served(packages) as http:
        for each in ("/runs", "/runs/wait", "/runs/stream"):
            refused = http.post(each, json={**RUN, "priority": 1})
            said = "priority: this field is in the contract, and this server does not serve it yet"
            assert (refused.status_code, refused.json()["detail"]) == (422, said)
            refused = http.post(each, json={**RUN, "durability": "lazy"})
            said = 'durability: "lazy" is in the contract, and this server does not serve it yet'
            assert (refused.status_code, refused.json()["detail"]) == (422, said)
            assert http.post(each, json={**RUN, "durability": "exit"}).status_code == 200
        thread = http.post("/threads", json={}).json()["thread_id"]
        assert http.get(f"/threads/{thread}").status_code == 200
        assert http.get(f"/threads/{thread}/runs").json() == []
        refused = http.get(f"/threads/{thread}/runs", params={"since": 1})
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("since: ")


def test_an_edition_without_some_operations(workshop: Workshop) -> None:
    packages = generated(workshop, BREAKING["several are gone"][0], HARMLESS["no interrupts"][0], allow_missing=True)
    with served(packages) as http:
        assert http.post("/runs/wait", json=RUN).status_code == 200
        assert http.get("/ok").status_code == 404
        assert "/ok" not in http.get("/openapi.json").json()["paths"]
