"""The probe graphs, and the project that a server under test serves them from."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Final

ECHO: Final = "conform_echo"
STEPS: Final = "conform_steps"
FAILING: Final = "conform_failing"
ASKING: Final = "conform_asking"
SLOW: Final = "conform_slow"
FILE: Final = "probe_graphs.py"


def write_graphs(folder: Path) -> Path:
    """Write the project of the probe graphs into a folder, and make the folder. Returns its langgraph.json."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath(FILE).write_text(files("treadle.conformance").joinpath(FILE).read_text("utf-8"), "utf-8")
    names = (ECHO, STEPS, FAILING, ASKING, SLOW)
    graphs = {name: f"./{FILE}:{name.removeprefix('conform_')}" for name in names}
    config = folder / "langgraph.json"
    # Some servers install what is listed; Treadle reads the folder.
    document = {"dependencies": ["."], "graphs": graphs}
    config.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return config
