"""The answers for whoever watches the service: with its servers, and without each of them."""

import socket
import time

import pytest
import redis
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from atmr import health
from atmr.watching import recent


def test_the_process_answers_without_a_database(client):
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok")


@pytest.mark.django_db
def test_ready_means_that_the_database_answers_with_the_tables_of_this_version(client):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ready", "database": "ok", "migrations": "ok", "cache": "ok", "pool": "ok",
    }  # fmt: skip


@pytest.fixture
def silent_port():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def refused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.django_db
@pytest.mark.parametrize("port", ["silent_port", "refused_port"])
def test_without_a_database_the_service_is_not_ready_and_says_so_soon(
    client, monkeypatch, request, port
):
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", str(request.getfixturevalue(port)))
    started = time.monotonic()

    response = client.get("/readyz")

    assert time.monotonic() - started < 5
    assert response.status_code == 503
    assert response.json() == {
        "status": "not ready", "database": "down", "migrations": "unknown", "cache": "ok",
        "pool": "ok",
    }  # fmt: skip
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("port", ["silent_port", "refused_port"])
def test_without_its_cache_the_service_is_ready_and_degraded(client, monkeypatch, request, port):
    gone = redis.Redis(
        port=request.getfixturevalue(port), socket_timeout=0.2, retry=Retry(NoBackoff(), 0)
    )
    monkeypatch.setattr(recent, "server", lambda: gone)

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() | {"cache": "down", "status": "degraded"} == response.json()


@pytest.mark.django_db
def test_a_cache_that_is_not_configured_is_no_fault(client, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

    assert client.get("/readyz").json()["cache"] == "none"
    assert client.get("/readyz").json()["status"] == "ready"


@pytest.mark.django_db
def test_a_migration_that_is_missing_makes_it_unready(client, monkeypatch):
    known = health.migrations() | {("bookings", "9999_of_the_next_version")}
    monkeypatch.setattr(health, "migrations", lambda: known)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "pending"


@pytest.mark.django_db
def test_an_empty_database_is_unready(client, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "NAME", "postgres")

    assert client.get("/readyz").json()["migrations"] == "pending"


@pytest.mark.django_db
def test_a_pool_that_is_used_up_is_told_and_does_not_keep_the_answer_waiting(client, monkeypatch):
    monkeypatch.setattr(health, "pool_figures", lambda: {"max": 30, "in_use": 30, "waiting": 4})

    response = client.get("/readyz")

    assert response.status_code == 200
    assert (response.json()["status"], response.json()["pool"]) == ("degraded", "exhausted")
