"""Settings are read once from the environment; nonsense stops the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection, connections

from atmr.settings import PASSWORD_HASHERS, later_database, postgresql

ROOT = Path(__file__).parent.parent
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "an-invented-key-that-is-long-enough-0123456789-abcdefghij",
    "ALLOWED_HOSTS": "atmr.example",
    "DATABASE_URL": "postgresql://atmr:secret@db.example:5432/atmr",
    "REDIS_URL": "redis://cache.example:6379/0",
}


def manage(*arguments, **environ):
    """Run a command in a fresh process whose environment says only what is given."""
    return subprocess.run(  # noqa: PLW1510 - the caller looks at the exit code
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True,
    )  # fmt: skip


def backend_pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_database_speaks_utf8():
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        server = cursor.fetchone()
        cursor.execute("SELECT upper('zürich, genève'), 'é' < 'z'")
        words = cursor.fetchone()

    assert server == ("UTF8",)
    assert words == ("ZÜRICH, GENÈVE", False)


@pytest.mark.django_db(transaction=True)
def test_a_connection_the_server_has_dropped_is_replaced_on_checkout():
    before = backend_pid()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        connection.close()  # back to the pool
        cursor.execute("SELECT pg_terminate_backend(%s)", [before])
    other.close()

    after = backend_pid()

    assert after != before


def test_cache_really_keeps_what_it_is_given():
    cache.set("answer", 42, timeout=60)

    assert cache.get("answer") == 42


def test_clearing_the_cache_empties_no_queue():
    assert later_database("unix:///run/v.sock", 1) == "unix:///run/v.sock?db=1"
    assert later_database("unix:///run/v.sock?db=2", 1) == "unix:///run/v.sock?db=3"
    assert later_database("redis://:secret@h:6379", 1) == "redis://:secret@h:6379/1"
    assert later_database("rediss://h/4", 2) == "rediss://h/6"


def test_a_database_url_is_read_whole():
    read = postgresql("postgresql://us%40er:p%2Fw@db.example:6432/day?sslmode=require&host=%2Frun")

    assert read["USER"] == "us@er"
    assert read["PASSWORD"] == "p/w"
    assert read["PORT"] == "6432"
    assert read["NAME"] == "day"
    assert read["HOST"] == "/run"
    assert read["OPTIONS"] == {"sslmode": "require"}


def test_production_settings_pass_the_deployment_check():
    done = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("SECRET_KEY", "SECRET_KEY is required"),
        ("DATABASE_URL", "the embedded servers are refused"),
        ("REDIS_URL", "the embedded servers are refused"),
    ],
)
def test_production_refuses_to_start_without(missing, message):
    environ = {name: value for name, value in PRODUCTION.items() if name != missing}

    done = manage("showmigrations", **environ)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_statements_are_not_printed_in_production():
    done = manage("showmigrations", **PRODUCTION, SQL_ECHO="1")

    assert done.returncode == 1
    assert "SQL_ECHO=1 is for development" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "mail.example"),
        ("SLOW_STATEMENT_MS", "soon"),
        ("DEBUG", "perhaps"),
        ("WEB_CONCURRENCY", "0"),
        ("ATMR_KEEP_POSITIONS_DAYS", "1"),
        ("DATABASE_URL", "mysql://h/d"),
    ],
)
def test_nonsense_in_the_environment_is_named(name, value):
    done = manage("showmigrations", **{name: value})

    assert done.returncode == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_passwords_are_kept_with_argon2():
    assert PASSWORD_HASHERS[0].endswith(".Argon2PasswordHasher")  # as written, not as in tests
