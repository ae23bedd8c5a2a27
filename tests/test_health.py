"""The answers for whoever watches the service, and who may see the developer's tools."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from atmr import health
from atmr.watching import recent

ROOT = Path(__file__).parent.parent
SILK = """
import json, django
django.setup()
from django.conf import settings
from django.urls import resolve, Resolver404
from silk.auth import user_passes_test
from silk.config import SilkyConfig
from accounts.models import Role, User
try:
    found = resolve("/silk/").app_name
except Resolver404:
    found = None
may = SilkyConfig().SILKY_PERMISSIONS
print(json.dumps({
    "installed": "silk" in settings.INSTALLED_APPS,
    "url": found,
    "administrator": may(User(role=Role.ADMINISTRATOR, is_active=True)),
    "manager": may(User(role=Role.MANAGER, is_active=True)),
    "sign-in": SilkyConfig().SILKY_AUTHENTICATION and SilkyConfig().SILKY_AUTHORISATION,
    "collapsed": settings.DEBUG_TOOLBAR_CONFIG["SHOW_COLLAPSED"],
}))
"""


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


def tools(**environ):
    done = subprocess.run(
        [sys.executable, "-c", SILK],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "atmr.settings", **environ},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_silk_is_for_administrators_of_a_development_checkout():
    assert tools() == {
        "installed": True, "url": "silk", "administrator": True, "manager": False,
        "sign-in": True, "collapsed": True,
    }  # fmt: skip


def test_production_has_no_developers_tools():
    found = tools(SECRET_KEY="an-invented-key", DEBUG="0", ATMR_DEVTOOLS="1", ATMR_EMBEDDED="1")

    assert (found["installed"], found["url"]) == (False, None)
