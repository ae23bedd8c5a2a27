"""Rows to a problem, a plan to rows: the only place that knows both."""
