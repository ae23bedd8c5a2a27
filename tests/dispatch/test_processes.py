"""Planning by several processes at once, and by some that die: real commands on one database."""

import json
import os
import signal
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection, transaction

from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.models import Assignment, DispatchRun, RunState
from tests.dispatch.days import Line
from tests.factories import DAY, CompanyFactory

pytestmark = pytest.mark.django_db(transaction=True)


def start(company, *options: str) -> subprocess.Popen:
    """Start the command in a process of its own, on the tests' database."""
    at = connection.settings_dict
    host = quote(str(at["HOST"]), safe="")
    url = f"postgresql://{at['USER']}:{at['PASSWORD']}@/{at['NAME']}?host={host}"
    return subprocess.Popen(
        [
            sys.executable,
            "manage.py",
            "dispatch",
            f"--company={company.slug}",
            f"--day={DAY}",
            "--apply",
            "--json",
            *options,
        ],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": url, "ATMR_DEVTOOLS": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def wait_for(process: subprocess.Popen, query: str, *parameters: object) -> None:
    """Wait until a query answers yes, as long as the process lives."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters)
            if cursor.fetchone()[0]:
                return
        assert process.poll() is None, process.communicate()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.02)")


RUNNING = """SELECT EXISTS (
    SELECT 1 FROM dispatch_dispatchrun WHERE company_id = %s AND state = 'running')"""
# What pg_stat_activity says stays the same to the end of a transaction; pg_locks does not.
WAITING = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)"


@pytest.fixture
def line() -> Line:
    line = Line(CompanyFactory())
    line.booking(1, 3, 9)
    line.shift()
    return line


def test_the_second_process_is_told_and_another_company_does_not_wait(line):
    other = Line(CompanyFactory())
    other.booking(1, 3, 9)
    other.shift()
    first = start(line.company, "--budget=600")
    try:
        wait_for(first, RUNNING, line.company.pk)

        second = start(line.company, "--budget=0")
        neighbour = start(other.company, "--budget=0")

        _, error = second.communicate(timeout=120)
        assert second.returncode == 1
        assert "under way" in error or "en cours" in error
        assert result(neighbour)["state"] == RunState.APPLIED
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()


def test_a_process_killed_while_it_solves_leaves_a_day_that_can_be_planned(line):
    process = start(line.company, "--budget=600")
    wait_for(process, RUNNING, line.company.pk)

    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert Assignment.objects.count() == 0
    assert result(start(line.company, "--budget=0"))["assigned"] == 1
    states = DispatchRun.objects.order_by("pk").values_list("state", "error")
    assert list(states) == [(RunState.FAILED, "process died"), (RunState.APPLIED, "")]


def test_a_process_killed_while_it_applies_has_changed_nothing(line):
    booking = Booking.objects.get()
    with transaction.atomic():
        Booking.objects.select_for_update().get(pk=booking.pk)
        process = start(line.company, "--budget=0")
        wait_for(process, WAITING)

        process.send_signal(signal.SIGKILL)
        process.communicate()

    assert Assignment.objects.count() == 0
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ACCEPTED
    assert result(start(line.company, "--budget=0"))["assigned"] == 1
    assert Assignment.objects.live().count() == 1
