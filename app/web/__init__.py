"""The HTTP routes, their pages and middleware."""
