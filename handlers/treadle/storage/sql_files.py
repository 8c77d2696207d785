"""The statements of backends, which are in `.sql` files beside their modules."""

from __future__ import annotations

from importlib.resources import files


def statements(package: str, name: str) -> dict[str, str]:
    """The statements of a file in the package, by name: each begins with a line `-- name: …`."""
    text = files(package).joinpath(name).read_text("utf-8")
    blocks = (block.partition("\n") for block in text.split("-- name: ")[1:])
    return {title.strip(): body.strip() for title, _, body in blocks}
