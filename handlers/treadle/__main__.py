"""`treadle` and `python -m treadle`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without the server's dependencies, say in one line what to install and exit with 2."""
    try:
        from treadle.cli import cli
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("treadle", "treadle_api"):
            raise
        print(f'treadle: {error.name} is not installed; install Treadle with its extra "server"', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        cli()
    except SystemExit as end:
        if "treadle.oneshot" in sys.modules:
            from treadle.leaving import leave_blocked_threads

            leave_blocked_threads(int(end.code or 0))
        raise


if __name__ == "__main__":
    main()
