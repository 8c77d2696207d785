"""The template of many projects: a package below src, and a context."""
