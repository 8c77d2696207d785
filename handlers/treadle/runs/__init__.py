"""Runs: requests, creation, lifecycle and views. Knows no HTTP and no database driver."""
