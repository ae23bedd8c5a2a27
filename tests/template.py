"""A migrated database that every test database is copied from, made once for its migrations.

Migrating takes many seconds, most of them in Python; copying takes a tenth of one.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).parent.parent
PREFIX = "template_atmr_"


def migrated_template() -> str:
    """Give the name of the migrated database, making it if these migrations have none yet."""
    name = PREFIX + fingerprint()
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var" / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if name not in databases():
            for old in databases():
                run(f'DROP DATABASE "{old}"')
            half = f"{PREFIX}half"
            run(f'CREATE DATABASE "{half}"')
            with connected_to(half):
                call_command("migrate", verbosity=0, interactive=False)
            run(f'ALTER DATABASE "{half}" RENAME TO "{name}"')
    return name


def fingerprint() -> str:
    """Change when any migration of any app does."""
    digest = hashlib.sha256()
    for app in apps.get_app_configs():
        for path in sorted(Path(app.path).glob("migrations/*.py")):
            digest.update(f"{app.label}/{path.name}".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def databases() -> list[str]:
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{PREFIX}%"])
        return [name for (name,) in cursor.fetchall()]


def run(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()
        connection.settings_dict["NAME"] = usual
