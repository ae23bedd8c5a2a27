"""Planning by the timetable: which companies, which day, and a real worker."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django_celery_results.models import TaskResult
from prometheus_client.multiprocess import MultiProcessCollector

from atmr.celery import app
from dispatch import tasks
from dispatch.models import Assignment, AssignmentStatus, DispatchRun, Mode, RunState, RunTrigger
from tests.factories import (
    DAY,
    BookingFactory,
    CompanyFactory,
    DispatchPolicyFactory,
    ShiftFactory,
    on_day,
)

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 120


@pytest.fixture
def company():
    """A company with one booking on the day, and a driver for it."""
    company = CompanyFactory()
    BookingFactory(company=company)
    ShiftFactory(company=company)
    return company


def set_mode(company, mode):
    DispatchPolicyFactory(company=company, mode=mode)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mode", "state", "status"),
    [
        (Mode.SEMI_AUTO, RunState.PROPOSED, AssignmentStatus.PROPOSED),
        (Mode.AUTO, RunState.APPLIED, AssignmentStatus.LIVE),
    ],
)
def test_the_mode_decides_whether_the_nightly_plan_is_applied(company, mode, state, status):
    set_mode(company, mode)

    with time_machine.travel(on_day(2), tick=True):
        tasks.plan_coming_days.delay()

    run = DispatchRun.objects.get()
    assert (run.day, run.state, run.trigger) == (DAY, state, RunTrigger.SCHEDULE)
    assert Assignment.objects.get().status == status


@pytest.mark.django_db
def test_a_company_that_plans_by_hand_is_left_alone(company):
    set_mode(company, Mode.MANUAL)

    with time_machine.travel(on_day(2), tick=True):
        tasks.plan_coming_days.delay()

    assert not DispatchRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "day"), [("Europe/Zurich", "2027-03-10"), ("America/Toronto", "2027-03-10")]
)
def test_the_day_planned_is_the_one_that_lies_ahead_of_the_company(zone, day):
    company = CompanyFactory(time_zone=zone)
    BookingFactory(company=company, requested_pickup_at=on_day(18))
    set_mode(company, Mode.SEMI_AUTO)

    with time_machine.travel(datetime(2027, 3, 10, 2, tzinfo=UTC), tick=True):
        tasks.plan_coming_days.delay()

    assert DispatchRun.objects.get().day.isoformat() == day


@pytest.mark.django_db
def test_a_day_on_which_nobody_waits_for_a_driver_is_not_planned():
    set_mode(CompanyFactory(), Mode.AUTO)
    BookingFactory()  # another company's

    with time_machine.travel(on_day(2), tick=True):
        planned = tasks.plan_coming_days()

    assert planned == 1
    assert DispatchRun.objects.count() == 1


@pytest.mark.django_db
def test_a_day_planned_twice_keeps_its_assignment(company):
    set_mode(company, Mode.AUTO)
    with time_machine.travel(on_day(2), tick=True):
        tasks.plan_day(company_id=company.pk, day=DAY.isoformat())
        before = Assignment.objects.live().get()

        tasks.plan_day(company_id=company.pk, day=DAY.isoformat())

    assert Assignment.objects.live().get() == before
    assert Assignment.objects.count() == 1


@pytest.fixture
def worker(tmp_path):
    """A real worker on the tests' own database and Valkey; gives the queue it reads."""
    queue = f"tests-{os.getpid()}"
    database = settings.EMBEDDED.postgres.url.replace(
        "/atmr?", f"/{connection.settings_dict['NAME']}?"
    )
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "atmr", "worker"]
    command += ["--concurrency", "1", "--queues", queue, "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": database,
            "REDIS_URL": settings.EMBEDDED.valkey.url,
            "ATMR_DEVTOOLS": "0",
            "PYTHONWARNINGS": "ignore",
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        },
    )
    app.conf.task_always_eager = False
    yield queue
    app.conf.task_always_eager = True
    process.terminate()
    process.wait(PATIENCE_S)


@pytest.mark.django_db(transaction=True)
def test_a_worker_plans_a_day_and_keeps_what_failed_where_the_admin_shows_it(
    company, worker, tmp_path
):
    set_mode(company, Mode.SEMI_AUTO)

    good = send(worker, company_id=company.pk, day=DAY.isoformat())
    bad = send(worker, company_id=company.pk, day="the day after")

    assert outcome(good).status == "SUCCESS"
    assert DispatchRun.objects.get().state == RunState.PROPOSED
    failed = outcome(bad)
    assert (failed.status, failed.task_name) == ("FAILURE", "dispatch.tasks.plan_day")
    assert "the day after" in failed.task_kwargs
    assert "ValueError" in failed.traceback
    assert counted_in(tmp_path) == {("success", 1), ("failure", 1)}


def counted_in(folder):
    """Read what all processes of the worker counted of the task."""
    every = MultiProcessCollector(None, path=str(folder)).collect()
    (tasks_,) = [metric for metric in every if metric.name == "atmr_tasks"]
    return {
        (sample.labels["state"], sample.value)
        for sample in tasks_.samples
        if sample.labels["task"] == "dispatch.tasks.plan_day"
    }


def send(queue, **arguments):
    return tasks.plan_day.apply_async(kwargs=arguments, queue=queue).id


def outcome(task_id):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = TaskResult.objects.filter(task_id=task_id, status__in=["SUCCESS", "FAILURE"])
        if found:
            return found[0]
        time.sleep(0.1)
    pytest.fail("The worker did not answer.")
