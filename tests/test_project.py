"""What holds for the project as a whole."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import call_command, get_commands, load_command_class
from django.test import override_settings

from atmr.celery import app

ROOT = Path(__file__).parent.parent
OURS = {"atmr", "accounts", "fleet", "bookings", "dispatch", "benchmarks"}


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
@pytest.mark.parametrize(("web_processes", "found"), [(2, []), (7, ["atmr.E001"])])
def test_more_connections_than_the_server_gives_are_an_error(web_processes, found):
    with override_settings(WEB_PROCESSES=web_processes):
        messages = run_checks(tags=["database"], databases=["default"])

    assert [message.id for message in messages] == found


def test_every_command_shows_an_example():
    for name in [name for name, owner in get_commands().items() if owner in OURS]:
        command = load_command_class(get_commands()[name], name)

        text = " ".join(command.create_parser("manage.py", name).format_help().split())

        assert text.count(f"manage.py {name}") >= 2, f"{name}: only the usage line names it"


def test_the_timetable_names_tasks_that_exist():
    app.loader.import_default_modules()

    named = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert named
    assert named <= set(app.tasks)


def test_every_requirement_is_pinned():
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                assert "==" in line, f"{path.name}: {line}"
