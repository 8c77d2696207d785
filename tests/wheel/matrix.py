"""The client's tests, with the wheel, on every Python from 3.11 on that this machine has.

`python tests/wheel/matrix.py WHEEL LOCK`. Fails if a test does, or if there is one Python only: that proves nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "build" / "matrix"
OLDEST, NEWEST = 11, 20


def interpreters() -> dict[str, str]:
    """Version -> executable: those on the path, and those of pyenv."""
    named = [shutil.which(f"python3.{minor}") for minor in range(OLDEST, NEWEST)]
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    found: dict[str, str] = {}
    for executable in filter(None, [sys.executable, *named, *map(str, pyenv)]):
        command = [executable, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        version = answer.stdout.strip()
        if answer.returncode == 0 and int(version.partition(".")[2]) >= OLDEST and version.startswith("3."):
            found.setdefault(version, executable)
    return dict(sorted(found.items(), key=lambda each: int(each[0].partition(".")[2])))


def tested(version: str, executable: str, wheel: Path, lock: Path) -> bool:
    """Whether the tests pass on that Python."""
    folder = FOLDER / version
    python = folder / "bin" / "python"
    print(f"Python {version}: installing", flush=True)
    subprocess.run([executable, "-m", "venv", "--clear", folder], check=True)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "-r", lock], check=True)
    subprocess.run([*pip, "--no-deps", wheel], check=True)
    found = "import treadle_client, treadle; print(treadle_client.__file__, treadle.__file__)"
    places = subprocess.run([python, "-c", found], capture_output=True, text=True, check=True, cwd=folder).stdout
    assert all(Path(place).is_relative_to(folder) for place in places.split()), places
    print(f"Python {version}: testing", flush=True)
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-n", "3", "-o", "filterwarnings=default", "tests/client"], cwd=ROOT, check=False
    )
    return done.returncode == 0


def main() -> int:
    """Test on each, and say which failed."""
    wheel, lock = (Path(argument).resolve() for argument in sys.argv[1:3])
    found = interpreters()
    if len(found) < 2:
        print(f"only Python {', '.join(found)} was found: install another one, such as python3.13", file=sys.stderr)
        return 1
    failed = [version for version, executable in found.items() if not tested(version, executable, wheel, lock)]
    passed = [version for version in found if version not in failed]
    print(f"passed on Python {', '.join(passed)}" + (f"; failed on {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
