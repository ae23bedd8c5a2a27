"""Answers for whoever watches the service: is it up, can it work. They name no host and no error.

`/readyz` asks over a connection of its own with short patience: a pool that is used up, or a
server that does not answer, must not keep the answer waiting.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from psycopg import sql
from redis.exceptions import RedisError

from atmr.watching import recent
from atmr.watching.requests import pool_figures

PATIENCE_S = 2


class Unavailable(Exception):
    """The database did not answer in time."""


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """The process is up."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The database answers and has the tables of this version; without a cache it is slower."""
    parts = {"database": "ok", "migrations": "ok", "cache": cache_state(), "pool": pool_state()}
    try:
        with probed() as cursor:
            if pending(cursor):
                parts["migrations"] = "pending"
    except Unavailable:
        parts |= {"database": "down", "migrations": "unknown"}
    is_ready = parts["database"] == parts["migrations"] == "ok"
    status = "ready" if is_ready else "not ready"
    if is_ready and {"down", "exhausted"} & set(parts.values()):
        status = "degraded"
    return JsonResponse({"status": status} | parts, status=200 if is_ready else 503)


@contextmanager
def probed() -> Iterator[psycopg.Cursor]:
    """Give a cursor on a connection of its own, outside the pool, with short patience.

    :raises Unavailable: the database refused, failed, or took too long.
    """
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    parameters |= {
        "connect_timeout": PATIENCE_S,
        "tcp_user_timeout": PATIENCE_S * 1000,
        "autocommit": True,
    }
    try:
        with psycopg.connect(**parameters) as probe, probe.cursor() as cursor:
            cursor.execute(sql.SQL("SET statement_timeout = {}").format(PATIENCE_S * 1000))
            yield cursor
    except psycopg.Error as error:
        raise Unavailable from error


@cache
def migrations() -> frozenset[tuple[str, str]]:
    """List the migrations of this version, read from its files once."""
    return frozenset(MigrationLoader(None).graph.nodes)


def pending(cursor: psycopg.Cursor) -> bool:
    """Say whether a migration of this version is missing in the database."""
    try:
        cursor.execute("SELECT app, name FROM django_migrations")
    except psycopg.errors.UndefinedTable:  # an empty database
        return True
    return not migrations() <= set(cursor.fetchall())


def cache_state() -> str:
    """Say `down` of a cache that is configured and does not answer: that is slow, not broken."""
    server = recent.server()
    if server is None:
        return "none"
    try:
        server.ping()
    except RedisError:
        return "down"
    return "ok"


def pool_state() -> str:
    """Say whether threads of this process wait for a connection."""
    return "exhausted" if pool_figures().get("waiting") else "ok"
