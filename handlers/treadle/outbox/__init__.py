"""What leaves the server: webhooks. The only room with an HTTP client."""
