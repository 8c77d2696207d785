"""`python -m codegen` writes generated/ and its documents; with `--check` it says whether they are current."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from codegen.comparison.change import LEVELS
from codegen.comparison.report import Report, report
from codegen.drift import differences, install
from codegen.errors import CodegenError
from codegen.handled import load, written
from codegen.pipeline import GENERATED, Output, generate
from codegen.reports import outcome
from codegen.spec import ROOT, Inputs, load_contract, load_document, load_scope, serve
from codegen.structure import edition
from codegen.verify import ROUTES, verify


def main(arguments: list[str] | None = None, inputs: Inputs | None = None, root: Path = ROOT) -> int:
    """Exit code 1, and one line on stderr for each fault."""
    options = _parser().parse_args(arguments)
    inputs = replace(inputs or Inputs(), allow_missing=options.allow_missing)
    try:
        if options.command == "fields":
            served = serve(inputs)
            print(written(served.document, served.scope, load(inputs.fields)), end="")
        elif options.command == "edition":
            print(edition(load_document(options.file), inputs.editions))
        elif options.command == "report":
            compared = _report(options.old, options.new, inputs, root)
            print(json.dumps(compared.as_json(), indent=2) if options.json else compared.as_text(), end="")
            return int(options.fail_on is not None and compared.fails(options.fail_on))
        elif options.command == "update":
            _update(options.file, inputs, root)
        else:
            _generate(inputs, root, check=options.check)
    except CodegenError as error:
        for line in error.lines:
            print(f"codegen: {line}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is on disk, write nothing")
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        default=os.environ.get("ALLOW_MISSING") == "1",
        help="leave operations unserved that the contract does not have (ALLOW_MISSING=1)",
    )
    commands = parser.add_subparsers(dest="command", title="commands")
    commands.add_parser("fields", help="print fields.toml as the contract would have it")
    known = commands.add_parser("edition", help="say which edition a document is")
    known.add_argument("file", type=Path)
    compared = commands.add_parser("report", help="say how two documents differ, and for whom that breaks")
    compared.add_argument("old", type=Path)
    compared.add_argument("new", type=Path)
    compared.add_argument("--json", action="store_true", help="print JSON")
    compared.add_argument("--fail-on", choices=LEVELS, help="exit with 1 if there is a change of this level or above")
    update = commands.add_parser("update", help="put a document in the contract's place, generate, and report")
    update.add_argument("file", type=Path)
    return parser


def _report(old: Path, new: Path, inputs: Inputs, root: Path) -> Report:
    documents = (load_document(old), load_document(new))
    editions = (edition(documents[0], inputs.editions), edition(documents[1], inputs.editions))
    return report(*documents, editions, load_scope(inputs.scope), root)


def _update(file: Path, inputs: Inputs, root: Path) -> None:
    """Nothing is replaced unless the new edition can be served."""
    compared = _report(inputs.contract, file, inputs, root)
    load_contract(file)
    print(compared.as_text(), end="")
    serve(replace(inputs, contract=file))
    inputs.contract.write_bytes(file.read_bytes())
    _generate(inputs, root, check=False)


def _generate(inputs: Inputs, root: Path, *, check: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="codegen-") as folder:
        output: Output = generate(inputs, Path(folder), print)
        if check:
            _check(Path(folder), root)
        else:
            install(Path(folder), root)
    missing = [each.name for each in output.served.missing]
    verify(output.operations, root / GENERATED, root / ROUTES, missing)
    print(f"{len(output.operations)} operations, each with model, table row, client function and handler")
    for line in outcome(output.served):
        print(line)


def _check(fresh: Path, root: Path) -> None:
    found = differences(fresh, root)
    for line in found:
        print(line)
    if found:
        raise CodegenError(f"{len(found)} generated files are not current: run make generate")


if __name__ == "__main__":
    sys.exit(main())
