"""Items: what graphs and clients keep in the store, beside any thread."""
