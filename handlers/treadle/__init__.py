"""Treadle: LangGraph graphs as stateless runs over the Agent Server HTTP API."""

__version__ = "0.1.0"
