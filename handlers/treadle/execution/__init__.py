"""Carrying runs out: due runs are claimed, their graphs run on event loops of their own, and each ends once."""
