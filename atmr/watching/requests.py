"""What a request and a background task leave behind for Prometheus."""

from contextvars import ContextVar
from typing import Any

from django.db import connection
from django.http import Http404, HttpRequest
from django.urls import resolve

from atmr.watching.metrics import POOL_CONNECTIONS, REQUEST_SECONDS, REQUESTS

# The request that this thread answers, until its last byte is sent.
under_way: ContextVar[HttpRequest | None] = ContextVar("under_way", default=None)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_name(request: HttpRequest) -> str:
    """Name the route that answers: a name out of the code, never the path that was asked."""
    match = request.resolver_match
    if match is None:  # no view has been looked for yet
        try:
            match = resolve(request.path_info)
        except Http404:
            return "unmatched"
    return match.view_name


def observe(request: HttpRequest, status: int, seconds: float) -> None:
    """Count a request that was answered, and look at the pool of this process."""
    route = route_name(request)
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(route, method, str(status)).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)
    for state, number in pool_figures().items():
        POOL_CONNECTIONS.labels(state).set(number)


def pool_figures() -> dict[str, int]:
    """Give the figures of this process's pool; nothing where there is no pool."""
    pool: Any = getattr(connection, "pool", None)
    if pool is None or pool.closed:
        return {}
    stats = pool.get_stats()
    return {
        "open": stats.get("pool_size", 0),
        "in_use": stats.get("pool_size", 0) - stats.get("pool_available", 0),
        "max": stats.get("pool_max", 0),
        "waiting": stats.get("requests_waiting", 0),
    }
