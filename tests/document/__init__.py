"""Linters and generators of others read the document that a server publishes."""
