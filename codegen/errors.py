"""The one way in which the pipeline fails."""

from __future__ import annotations


class CodegenError(Exception):
    """One line that names the place and the fault."""
