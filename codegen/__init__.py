"""Build-time pipeline from the vendored contract to everything in `generated/`; never shipped."""
