"""Who a request comes from, and what its user may do: asked of the author's own handlers."""
