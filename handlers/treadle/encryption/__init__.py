"""The author's own handlers encrypt what the store keeps, and decrypt what the store returns."""
