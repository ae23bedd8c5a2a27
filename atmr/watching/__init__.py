"""Watching the service run: slow statements, and figures for Prometheus. Nothing here decides."""
