"""`treadle` and `python -m treadle`."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from typing import NoReturn

from treadle.interpreter import importing


def main() -> None:
    """Run the command line; without the dependencies of a command, say in one line what to install and exit with 2."""
    if os.getpid() == 1:  # in a container, Linux ignores signals for which the first process has no handler
        signal.signal(signal.SIGTERM, lambda number, _frame: os._exit(128 + number))
    try:
        with importing():
            from treadle.cli import cli
    except ModuleNotFoundError as error:
        _name_the_extra(error)
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        cli()
    except ModuleNotFoundError as error:
        if find_spec("uvicorn") is not None:  # the server is installed: a graph's own module is missing
            raise
        _name_the_extra(error)
    except SystemExit as end:
        if "treadle.oneshot" in sys.modules:
            from treadle.leaving import leave_blocked_threads

            leave_blocked_threads(int(end.code or 0))
        raise


def _name_the_extra(error: ModuleNotFoundError) -> NoReturn:
    """Exit with the name of the extra that has the module. Raises the error if the module is one of Treadle's own."""
    if (error.name or "").partition(".")[0] in ("treadle", "treadle_api"):
        raise error
    extra = "conform" if sys.argv[1:2] == ["conform"] else "server"
    print(f'treadle: {error.name} is not installed; install Treadle with its extra "{extra}"', file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
