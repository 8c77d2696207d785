"""The graphs that are served: `langgraph.json`, how a graph is loaded, and the assistants that stand for graphs."""
