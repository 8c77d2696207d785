"""LangGraph's checkpointer and store of items in a schema of a PostgreSQL database."""
