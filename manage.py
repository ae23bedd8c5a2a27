#!/usr/bin/env python
"""Django's command line for ATMR."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from structlog import contextvars

# Commands that ask no server anything. `makemigrations` is not one: it reads what was applied.
ALONE = {
    "bench_darp", "check", "collectstatic", "compilemessages", "diffsettings", "embedded",
    "findstatic", "help", "makemessages", "roles", "solve_instance", "startapp", "version",
    "--help", "-h", "--version",
}  # fmt: skip


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atmr.settings")
    if command == "runserver":
        os.environ["ATMR_ROLE"] = "web"
    contextvars.bind_contextvars(command=command)  # on all that it logs
    asks = "--database" in sys.argv or not ALONE & {command, *sys.argv[2:]}
    if asks:
        have_servers()
    execute_from_command_line(sys.argv)


def have_servers() -> None:
    from django.conf import settings  # noqa: PLC0415 - reading it is what may fail

    from atmr.embedded import EmbeddedError  # noqa: PLC0415

    try:
        settings.EMBEDDED.ensure()
    except (EmbeddedError, ImproperlyConfigured) as exc:
        sys.exit(f"{exc}")


if __name__ == "__main__":
    main()
