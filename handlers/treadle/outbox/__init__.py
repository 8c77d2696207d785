"""Webhook delivery. The only room with an HTTP client."""
