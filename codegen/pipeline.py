"""contract -> overlay -> select -> normalise -> emit -> verify."""

from __future__ import annotations

import json
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from codegen import reports
from codegen.client import emit_client, mark
from codegen.facade import emit_facade, read_resources
from codegen.generators import format_python
from codegen.models import emit_models, emit_params, emit_results
from codegen.normalize import View, answer_view, body_view, client_view, result_view
from codegen.operations import emit_operations
from codegen.reference import emit_reference
from codegen.spec import Inputs, Served, serve
from codegen.structs import emit_structs
from codegen.table import Operation, read

GENERATED = "generated"
CORRECTIONS = "docs/contract-corrections.md"
API = "The contract as Python: models, results and the operation table."
NORMALISATION = "docs/normalisation.md"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Output:
    """The result: the served document, its views and the rows of the operation table."""

    served: Served
    views: list[View]
    operations: list[Operation]


def silent(line: str) -> None:
    """Say nothing."""


def generate(inputs: Inputs, out: Path, say: Say = silent) -> Output:
    """Write `generated/` and the two documents into the folder, which must hold none of them yet."""
    with _step(say, "contract, overlay, scope"):
        served = serve(inputs)
        _say_left_out(say, served)
    with _step(say, "normalise"):
        views = [view(served) for view in (body_view, result_view, client_view)]
        operations = read(served.document, served.scope, views[0], views[1], served.settled.gone)
    api, client = out / GENERATED / "treadle_api", out / GENERATED / "treadle_client"
    with _step(say, f"models, table and client of {len(operations)} operations"):
        _emit(served, views, operations, api, client)
    with _step(say, "format"):
        mark(api, client)
        format_python(out / GENERATED)
    provenance = reports.provenance(served, inputs)
    (out / GENERATED / "PROVENANCE").write_text(provenance, "utf-8")
    (out / "docs").mkdir(exist_ok=True)
    (out / CORRECTIONS).write_text(reports.corrections(served.actions), "utf-8")
    (out / NORMALISATION).write_text(reports.normalisation(served.repairs, views), "utf-8")
    return Output(served, views, operations)


def _emit(served: Served, views: list[View], operations: list[Operation], api: Path, client: Path) -> None:
    api.mkdir(parents=True)
    (api / "__init__.py").write_text(f'"""{API}"""\n', "utf-8")
    (api / "py.typed").touch()
    (api / "openapi.json").write_text(json.dumps(served.document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    emit_operations(operations, served.left_out, served.missing, api)
    with tempfile.TemporaryDirectory(prefix="codegen-") as folder, ThreadPoolExecutor() as pool:
        scratch = Path(folder)
        jobs = [
            pool.submit(emit_client, views[2], client / "_generated", scratch),
            pool.submit(emit_params, views[0], client, scratch),
            pool.submit(emit_models, views[0], operations, api, scratch),
            pool.submit(emit_results, views[1], api, scratch),
        ]
        for job in jobs:
            job.result()
    emit_structs(answer_view(served), client)
    emit_facade(operations, views[0], served, client)
    emit_reference(operations, read_resources(operations, views[0], served, client / "_generated"), served, api)


def _say_left_out(say: Say, served: Served) -> None:
    total = sum(map(len, served.left_out.values()))
    if total:
        say(f"in the contract, not in scope: {total} operations")
    for tag, operation_ids in served.left_out.items():
        line = f"{tag}: {', '.join(operation_ids)}"
        say(textwrap.fill(line, 118, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))


@contextmanager
def _step(say: Say, title: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    say(f"{title}: {time.perf_counter() - start:.1f} s")
