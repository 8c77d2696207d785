"""The rules of the triage."""

URGENT = ("fire", "leak")
