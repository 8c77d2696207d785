"""`python -m codegen` writes generated/ and its documents; with `--check` it says whether they are current."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from codegen.drift import differences, install
from codegen.errors import CodegenError
from codegen.pipeline import GENERATED, ROOT, Inputs, generate
from codegen.verify import ROUTES, verify


def main(arguments: list[str] | None = None, inputs: Inputs | None = None, root: Path = ROOT) -> int:
    """Exit code 1 and one line on stderr for any failure."""
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is on disk, write nothing")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="codegen-") as folder:
            output = generate(inputs or Inputs(), Path(folder), print)
            if options.check:
                _check(Path(folder), root)
            else:
                install(Path(folder), root)
        verify(output.operations, root / GENERATED, root / ROUTES)
    except CodegenError as error:
        print(f"codegen: {error}", file=sys.stderr)
        return 1
    print(f"{len(output.operations)} operations, each with model, table row, client function and handler")
    return 0


def _check(fresh: Path, root: Path) -> None:
    found = differences(fresh, root)
    for line in found:
        print(line)
    if found:
        raise CodegenError(f"{len(found)} generated files are not current: run make generate")


if __name__ == "__main__":
    sys.exit(main())
