"""`--reload`: serve in a child process that is started anew whenever a file beside the configuration changes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from watchfiles import PythonFilter, run_process

from treadle.errors import TreadleError
from treadle.graphs.config import read_config
from treadle.logs import configure_logs
from treadle.server import Listener, serve_forever

# Seconds in which a child gives its runs back and ends: nodes that block may take three, and connections five.
LEAVING = 10


def serve_reloading(config: Path, listener: Listener, overrides: dict[str, Any], log_level: str) -> None:
    """Serve until a signal ends it, by a new process after each change. Raises ConfigError before anything is served.

    A change does not wait for runs: they return to the store, and the next process begins them again.
    """
    configure_logs(log_level)
    logging.getLogger("watchfiles").setLevel("ERROR")
    watched = PythonFilter(extra_extensions=(".json", ".env"))
    given_back_at_once = {**overrides, "shutdown_grace": 0.0}
    run_process(
        read_config(config).folder,
        target=_serve,
        args=(config, listener, given_back_at_once, log_level),
        watch_filter=watched,
        sigint_timeout=LEAVING,
    )


def _serve(config: Path, listener: Listener, overrides: dict[str, Any], log_level: str) -> None:
    """Serve in the child process, and end with its parent.

    What keeps it from serving is one line: the next change may mend it.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        serve_forever(config, listener, overrides, log_level)
    except TreadleError as error:
        print(f"treadle: {error}; waiting for a change", file=sys.stderr, flush=True)
        sys.exit(2)


def _end_with_parent() -> None:
    """A parent that was killed cannot end its child, which would keep the port."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
