"""Assistants: created, changed and deleted, and what their graphs look like."""
