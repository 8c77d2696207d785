"""The one way in which the pipeline fails."""

from __future__ import annotations

from collections.abc import Sequence


class CodegenError(Exception):
    """One line for each fault; each names the place, the fault, and what to do."""

    @property
    def lines(self) -> list[str]:
        """The lines, in order."""
        return str(self).splitlines()


def stop_at(complaints: Sequence[str]) -> None:
    """Raise CodegenError with all of the complaints, if there are any."""
    if complaints:
        raise CodegenError("\n".join(dict.fromkeys(complaints)))
