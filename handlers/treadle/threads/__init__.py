"""Threads: the states that kept runs leave, and how they are read."""
