"""Positions are kept for a time; what a day is planned with is never touched."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from atmr import statements
from dispatch import tasks
from fleet import retention
from fleet.models import Position, Shift
from tests.factories import PositionFactory, ShiftFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


def positions(now, *ages):
    shift = ShiftFactory()
    return [
        PositionFactory(shift=shift, at=now - timedelta(days=days, hours=hours))
        for days, hours in ages
    ]


def test_positions_older_than_the_age_go_and_the_others_stay(now):
    rows = positions(now, (31, 0), (30, 1), (29, 23), (0, 0))

    gone = retention.forget_positions(before=now - timedelta(days=30))

    assert gone == 2
    assert list(Position.objects.order_by("pk")) == rows[2:]
    assert Shift.objects.count() == 1


def test_old_positions_recorded_late_go_with_the_batch_they_come_in(now):
    rows = positions(now, (40, 0), (0, 0), (41, 0))

    gone = retention.forget_positions(before=now - timedelta(days=30), batch=3)

    assert gone == 2
    assert list(Position.objects.all()) == [rows[1]]


@pytest.mark.parametrize("rows", [10, 40])
def test_batches_are_bounded_in_size_and_number(now, rows):
    positions(now, *[(50, 0)] * rows)

    with CaptureQueriesContext(connection) as sent:
        gone = retention.forget_positions(before=now, batch=3, batches=2)

    assert gone == 6
    assert Position.objects.count() == rows - 6
    assert [q["sql"].split()[0] for q in sent if not statements.is_control(q["sql"])] == [
        "DELETE",
        "DELETE",
    ]


def test_command_and_nightly_task_keep_what_the_setting_says(now, settings):
    settings.KEEP_POSITIONS_DAYS = 5
    positions(now, (6, 0), (4, 0))
    out = io.StringIO()

    call_command("prune", json=True, stdout=out)
    positions(now, (6, 0))
    by_night = tasks.prune()

    assert json.loads(out.getvalue()) == {"positions": 1}
    assert by_night == 1
    assert Position.objects.count() == 1
