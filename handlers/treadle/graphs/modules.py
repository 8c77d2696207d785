"""The author's modules: found by path or by name, imported once."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog

from treadle.errors import ConfigError, GraphError
from treadle.tracebacks import in_one_line

log = structlog.get_logger("treadle.graphs")


@contextmanager
def authors_code(where: str, **logged: str) -> Iterator[None]:
    """Run the author's code, which may raise anything. Raises GraphError, which begins with `where`, instead.

    The whole traceback is logged at level debug, with the values of `logged`.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        log.debug("the author's code failed", where=where, exc_info=error, **logged)
        raise GraphError(f"{where}: {in_one_line(error)}") from error


def read_spec(where: str, value: Any) -> str | None:
    """Return the value of a key that names something of the author's. Raises ConfigError if its form is wrong."""
    if value is None or (isinstance(value, str) and all(value.rpartition(":")[::2])):
        return value
    form = '"./file.py:attribute" or "module:attribute"'
    raise ConfigError(f"{where} must be {form}, and not {json.dumps(value)}")


def load_attribute(folder: Path, spec: str) -> Any:
    """What `./file.py:attribute` or `module:attribute` names. Raises the exceptions of the author's code."""
    location, _, attribute = spec.rpartition(":")
    module = _module(folder, location)
    if not hasattr(module, attribute) and (meant := get_close_matches(attribute.partition("(")[0], dir(module), n=1)):
        raise AttributeError(f"module {module.__name__!r} has no attribute {attribute!r}; it has {meant[0]!r}")
    return getattr(module, attribute)


def _module(folder: Path, location: str) -> ModuleType:
    """Import a module by path or by name; a file is imported once, however many graphs it holds."""
    if not location.endswith(".py"):
        return importlib.import_module(location)
    path = (folder / location).resolve()
    file = str(path)
    for module in tuple(sys.modules.values()):
        if getattr(module, "__file__", None) == file and not _is_main(module):
            return module
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if (packaged := _packaged_name(folder, path)) is not None:
        return importlib.import_module(packaged)
    name = _module_name(folder, path)
    if name == path.stem:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    with ExitStack() as undo:
        sys.modules[name] = module  # before it runs: annotations and pickles look their module up
        undo.callback(sys.modules.pop, name, None)  # an import must not find half a module
        spec.loader.exec_module(module)
        undo.pop_all()
    return module


def _packaged_name(folder: Path, path: Path) -> str | None:
    """The full name of a file in a package below `folder`, whose relative imports need it; None if it is in no package.

    Makes the package importable. None as well if another module has the name.
    """
    names, root = [] if path.stem == "__init__" else [path.stem], path.parent
    while root != folder and (root / "__init__.py").is_file():
        names.append(root.name)
        root = root.parent
    if root == path.parent or not all(map(str.isidentifier, names)):
        return None
    if str(root) not in sys.path:
        sys.path.append(str(root))
    name = ".".join(reversed(names))
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:  # another module has the name of the package
        if error.name is None or not name.startswith(error.name):
            raise
        return None
    return name if found is not None and found.origin == str(path) else None


def _module_name(folder: Path, path: Path) -> str:
    """The name by which other modules of the project import a file, or else one that hides no other module.

    It is the same in every process: what a thread has kept names the modules of its classes.
    """
    if path.parent == folder and path.stem.isidentifier() and path.stem not in sys.modules:
        found = importlib.util.find_spec(path.stem)
        if found is not None and found.origin == str(path):
            return path.stem
    name = "treadle_graph_" + re.sub(r"\W", "_", os.path.relpath(path.with_suffix(""), folder))
    while name in sys.modules:
        name += "_"
    return name


def _is_main(module: ModuleType) -> bool:
    return module.__name__ == "__main__"
