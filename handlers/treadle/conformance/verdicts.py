"""The verdict on one check of a server, and how a check says it."""

from __future__ import annotations


class Broken(AssertionError):
    """The server breaks its contract. `pointer` is the place in the contract, if the check knows it."""

    def __init__(self, problem: str, pointer: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.pointer = pointer


class NotOffered(Exception):
    """The server refuses a field by its name, or lacks the operation."""


class NotTried(Exception):
    """The check needs something that is not there, such as a probe graph."""


def require(holds: object, problem: str, pointer: str | None = None) -> None:
    """Raise Broken if it does not hold. An assert would vanish under `python -O`."""
    if not holds:
        raise Broken(problem, pointer)
