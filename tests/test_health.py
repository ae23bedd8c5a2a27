"""The answers for whoever watches the service, and who may see the developer's tools."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import OperationalError, connection

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
def test_ready_means_that_the_database_answers(client):
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_without_a_database_the_service_is_not_ready(client, monkeypatch):
    def refuse(*args, **kwargs):
        raise OperationalError("the server is gone")

    monkeypatch.setattr(connection, "cursor", refuse)

    assert client.get("/readyz").status_code == 503


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
