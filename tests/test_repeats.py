"""Relations read row by row: an error in tests, a warning in development, unseen in production."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib import admin
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import reverse
from structlog.testing import capture_logs
from zeal import NPlusOneError, listeners
from zeal.util import get_caller

from accounts.models import Role
from atmr.repeats import RepeatLog
from dispatch.models import Assignment, Lock
from dispatch.services import assigning
from fleet.models import Shift
from tests.factories import AssignmentFactory, ShiftFactory, UserFactory
from tests.test_settings import PRODUCTION

ROOT = Path(__file__).parent.parent


@pytest.mark.django_db
def test_a_list_that_forgets_a_relation_fails_its_test(client, monkeypatch):
    client.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))
    ShiftFactory.create_batch(2)
    monkeypatch.setattr(admin.site._registry[Shift], "list_select_related", ["vehicle", "company"])

    with pytest.raises(NPlusOneError, match=r"fleet\.Shift\.driver"):
        client.get(reverse("admin:fleet_shift_changelist"))


@pytest.mark.django_db
def test_what_a_test_reads_or_calls_twice_is_no_loop_of_the_product():
    for ride in AssignmentFactory.create_batch(2):
        assigning.set_lock(booking=ride.booking, lock=Lock.DRIVER)  # gets one row each time

    for ride in Assignment.objects.order_by("pk"):
        assert ride.shift.driver.name


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore:N.1 detected:UserWarning")
def test_development_logs_it_once_for_a_request_with_its_line(monkeypatch):
    monkeypatch.setattr(listeners, "get_caller", get_caller)  # to which this page is the product
    ShiftFactory.create_batch(3)

    def page(_request):
        return HttpResponse("".join(shift.driver.name for shift in Shift.objects.order_by("pk")))

    with override_settings(ZEAL_RAISE=False), capture_logs() as logs:
        RepeatLog(page)(RequestFactory().get("/"))
        RepeatLog(page)(RequestFactory().get("/"))

    assert [log["what"] for log in logs] == ["N+1 detected on fleet.Shift.driver"] * 2
    assert all(log["site"].startswith("tests/test_repeats.py:") for log in logs)


@pytest.mark.parametrize(
    ("environ", "watches"),
    [({}, "True True"), ({"ATMR_DEVTOOLS": "0"}, "False False"), (PRODUCTION, "False False")],
)
def test_it_watches_in_development_and_not_in_production(environ, watches):
    code = (
        "from atmr import settings as s;"
        "print('zeal' in s.INSTALLED_APPS, 'atmr.repeats.RepeatLog' in s.MIDDLEWARE)"
    )

    done = subprocess.run(  # noqa: PLW1510 - what it says is looked at
        [sys.executable, "-c", code],
        cwd=ROOT, env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout.strip() == watches, done.stderr
