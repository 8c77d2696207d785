"""A chat graph that needs no key and no network."""
