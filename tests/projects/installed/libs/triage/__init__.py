"""A package that langgraph.json names by its module."""
