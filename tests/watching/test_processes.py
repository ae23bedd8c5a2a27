"""Real processes: one sum for all of them, and developers' tools for whom they are meant."""

import os
import subprocess
import sys
import time

import pytest
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Role
from tests.factories import UserFactory
from tests.watching.serving import (
    GUNICORN,
    PATIENCE_S,
    PRODUCTION,
    ROOT,
    RUNSERVER,
    database_url,
    serving,
)

WISHES = {"ATMR_METRICS_TOKEN": "s3cret", "ATMR_DEVTOOLS": "1"}
COUNTING = """
import django
from atmr.celery import app
django.setup()
from prometheus_client import values
print(values.ValueClass.__name__)
"""


@pytest.fixture
def production(tmp_path):
    with serving(GUNICORN, tmp_path, **PRODUCTION, **WISHES) as server:
        yield server


def figures(server):
    status, _, body = server.get("/metrics", Authorization="Bearer s3cret")
    assert status == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


@pytest.mark.django_db(transaction=True)
def test_production_sums_its_processes_and_has_no_developers_tools(production, tmp_path):
    count = ("atmr_requests_total", ("method", "GET"), ("route", "healthz"), ("status", "200"))
    deadline = time.monotonic() + PATIENCE_S
    while len(list(tmp_path.glob("counter_*.db"))) < 2:  # the other process may still begin
        assert time.monotonic() < deadline
        production.get("/healthz")
    before = figures(production)[count]
    for _ in range(40):
        production.get("/healthz")

    # Whichever process answers gives the sum of both.
    seen = {figures(production)[count] for _ in range(6)}
    assert seen == {before + 40}

    assert production.get("/metrics")[0] == 403
    assert production.get("/readyz")[0] == 200
    for path in ("/silk/", "/silk/requests/", "/__debug__/render_panel/", "/__debug__/"):
        assert production.get(path)[0] == 404, path
    assert "djDebug" not in production.get("/no/such/page")[2]


def test_processes_count_in_files_whoever_is_imported_first(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", COUNTING], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip

    assert done.stdout.strip() == "MmapedValue"


# --- Development --------------------------------------------------------------------------------


@pytest.fixture
def development(tmp_path):
    """`manage.py runserver` with Silk's tables beside ours, for as long as it runs."""
    environ = {"PATH": os.environ["PATH"], "DATABASE_URL": database_url(), "LOG_LEVEL": "ERROR"}
    environ |= {"REDIS_URL": "redis://127.0.0.1:1", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    migrate = [sys.executable, "manage.py", "migrate", "silk", "--verbosity", "0"]
    try:
        subprocess.run(migrate, cwd=ROOT, env=environ, check=True)
        with serving(RUNSERVER, tmp_path, SQL_ECHO="1") as server:
            yield server
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'silk%%'")
            for (table,) in cursor.fetchall():
                cursor.execute(f"DROP TABLE {table} CASCADE")
            cursor.execute("DELETE FROM django_migrations WHERE app = 'silk'")


def cookie(role):
    """Sign somebody in; give the header that says so."""
    client = Client()
    company = {"company": None} if role == Role.ADMINISTRATOR else {}
    client.force_login(UserFactory(role=role, **company))
    return {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}


@pytest.mark.django_db(transaction=True)
def test_development_has_its_tools_for_administrators_at_this_machine(development):
    ask = development
    dispatcher, administrator = cookie(Role.DISPATCHER), cookie(Role.ADMINISTRATOR)
    panel = "/__debug__/render_panel/?request_id=x&panel_id=SQLPanel"

    def toolbar(**headers):
        status, _, body = ask.get("/admin/", https=False, **headers)
        assert status == 200
        return "djDebug" in body

    status, headers, _ = ask.get("/silk/", https=False)
    assert (status, headers["Location"]) == (302, "/admin/login/?next=/silk/")
    assert ask.get("/silk/", https=False, **dispatcher)[0] == 403
    assert ask.get("/silk/", https=False, **administrator)[0] == 200
    assert ask.get("/silk/requests/", https=False, **administrator)[0] == 200

    assert "djDebug" not in ask.get("/admin/login/", https=False)[2]
    assert not toolbar(**dispatcher)
    assert toolbar(**administrator)
    assert not toolbar(**administrator, X_Forwarded_For="203.0.113.9")
    assert ask.get(panel, https=False)[0] == 404
    assert ask.get(panel, https=False, **dispatcher)[0] == 404
    assert ask.get(panel, https=False, **administrator)[0] == 200

    echoed = development.stop()
    assert "[sql]" in echoed
    assert "atmr/health.py" not in echoed  # of a connection of its own, not ours
    assert 'FROM "django_session"' in echoed
    assert dispatcher["Cookie"].partition("=")[2] not in echoed
