"""What Prometheus is told: right numbers, no label that names a row or a person, no stranger."""

import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import TaskResult
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families

from atmr import clock, tasks
from atmr.celery import app
from bookings.states import BookingStatus
from dispatch.models import DispatchPolicy, DispatchRun, Mode, RunState, RunTrigger
from dispatch.services import applying, gauges, runs, undoing
from dispatch.services.runs import open_run
from tests.dispatch.days import Line, plan
from tests.factories import (
    DAY,
    BookingFactory,
    CompanyFactory,
    DispatchRunFactory,
    UserFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

NOW = on_day(0)

LABELS = {
    "database", "kind", "sender", "state", "route", "method", "status", "task", "trigger",
    "phase", "outcome", "le",
}  # fmt: skip


def scraped(client, **headers):
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    return list(text_string_to_metric_families(response.content.decode()))


def samples(client):
    return [sample for family in scraped(client) for sample in family.samples]


@pytest.fixture
def line():
    line = Line(CompanyFactory(slug="leman-4711", name="Transports 4711 Dubois"))
    line.booking(1, 3, 9)
    line.booking(2, 4, 9)
    line.shift()
    return line


# --- Requests -----------------------------------------------------------------------------------


def test_requests_are_counted_by_the_name_of_their_route(client, counted):
    client.force_login(UserFactory())
    client.get("/admin/bookings/booking/")
    client.get("/admin/bookings/booking/4711/change/")
    client.get("/no/such/page/of/4711")
    client.generic("BREW4711", "/healthz")

    def requests(**labels):
        return counted("atmr_requests_total", **labels)

    assert requests(route="admin:bookings_booking_changelist", method="GET", status="200") == 1
    assert requests(route="admin:bookings_booking_change", method="GET", status="302") == 1
    assert requests(route="unmatched", method="GET", status="404") == 1
    assert requests(route="healthz", method="other", status="405") == 1
    assert counted("atmr_request_seconds_count", route="healthz") == 1


def test_the_pool_of_the_process_is_told(client):
    client.get("/healthz")

    found = {s.labels["state"]: s.value for s in samples(client) if "pool" in s.name}
    assert found["max"] == 30
    assert found["waiting"] == 0


# --- Dispatch -----------------------------------------------------------------------------------


def test_a_run_counts_its_state_its_phases_and_its_bookings(line, counted):
    for hour in (9, 9, 9):  # more than one driver can serve
        line.booking(1, 9, hour)

    summary = plan(line.company)

    assert counted("atmr_runs_total", state="applied", trigger="command") == 1
    assert counted("atmr_run_bookings_total", outcome="assigned") == summary.assigned > 0
    assert counted("atmr_run_bookings_total", outcome="unassigned") == len(summary.unassigned) > 0
    for phase in ("load", "solve", "check", "store", "total"):
        assert counted("atmr_run_seconds_count", phase=phase) == 1


def test_a_run_that_fails_and_one_that_finds_another_are_counted(line, counted, monkeypatch):
    def opened():
        return open_run(
            company=line.company, day=DAY, now=NOW, actor=None, settings={}, seed=0,
            trigger=RunTrigger.PERSON,
        )  # fmt: skip

    with pytest.raises(ZeroDivisionError), opened():
        raise ZeroDivisionError
    monkeypatch.setattr(runs, "_open", lambda run: None)  # the lock is somebody else's
    with pytest.raises(runs.RunUnderWay), opened():
        pass

    assert counted("atmr_runs_total", state="failed", trigger="person") == 1
    assert counted("atmr_conflicts_total", kind="under_way") == 1


def test_applying_later_and_undoing_are_counted(line, counted):
    summary = plan(line.company, apply=False)
    run = DispatchRun.objects.get(pk=summary.run)
    applying.apply_run(run=run, actor=None, now=NOW)
    undoing.undo(company=line.company, day=run.day, actor=None, now=NOW)

    for state in ("proposed", "applied", "undone"):
        assert counted("atmr_runs_total", state=state, trigger="command") == 1


def test_conflicts_are_counted_by_their_kind(line, counted):
    summary = plan(line.company, apply=False)
    line.company.booking_set.update(companions=1)
    applying.apply_run(run=DispatchRun.objects.get(pk=summary.run), actor=None, now=NOW)
    refused = DispatchRunFactory(state=RunState.REFUSED)
    gauges.count_run(refused)

    assert counted("atmr_conflicts_total", kind="stale") == 1
    assert counted("atmr_conflicts_total", kind="refused") == 1


# --- Tasks --------------------------------------------------------------------------------------


@app.task
def succeeds():
    return 1


@app.task
def fails():
    raise RuntimeError("4711")


def test_tasks_are_counted_by_name_and_state(counted):
    succeeds.delay()
    fails.apply(throw=False)

    ours = "tests.watching.test_metrics"
    assert counted("atmr_tasks_total", task=f"{ours}.succeeds", state="success") == 1
    assert counted("atmr_tasks_total", task=f"{ours}.fails", state="failure") == 1
    assert counted("atmr_task_seconds_count", task=f"{ours}.fails") == 1


# --- What the database knows --------------------------------------------------------------------


def read_gauges():
    with connection.cursor() as cursor:
        return gauges.read(cursor)


def test_gauges_are_one_statement_however_many_rows():
    for rows in (1, 4):
        for _ in range(rows):
            DispatchRunFactory()
            BookingFactory()
        with CaptureQueriesContext(connection) as statements:
            read_gauges()
        assert len(statements) == 1


def test_runs_of_today_by_state():
    company = CompanyFactory(time_zone="Europe/Zurich")
    today = clock.local_day(timezone.now(), company.tz)
    DispatchRunFactory.create_batch(2, company=company, day=today, state=RunState.APPLIED)
    DispatchRunFactory(company=company, day=today - timedelta(days=1), state=RunState.FAILED)

    found = read_gauges()["atmr_runs_today"]

    assert found[RunState.APPLIED] == 2
    assert found[RunState.FAILED] == 0


def test_a_company_whose_bookings_wait_and_that_has_no_run_is_unplanned():
    soon = timezone.now() + timedelta(hours=3)
    waiting, planned, by_hand = CompanyFactory.create_batch(3)
    for company in (waiting, planned, by_hand):
        BookingFactory(company=company, requested_pickup_at=soon)
    DispatchRunFactory(company=planned, day=clock.local_day(timezone.now(), planned.tz))
    DispatchPolicy.objects.create(company=by_hand, mode=Mode.MANUAL)
    BookingFactory(requested_pickup_at=soon + timedelta(days=2))  # of a fourth company

    found = read_gauges()

    assert found["atmr_companies_unplanned"] == {"": 1}
    assert found["atmr_bookings_next_12h"] == {BookingStatus.ACCEPTED: 3}


def test_failed_tasks_of_the_last_day_by_name():
    for name, status in (("a.plan", "FAILURE"), ("a.plan", "SUCCESS"), ("b.book", "FAILURE")):
        TaskResult.objects.create(task_id=f"{name}-{status}", task_name=name, status=status)
    old = TaskResult.objects.create(task_id="old", task_name="a.plan", status="FAILURE")
    TaskResult.objects.filter(pk=old.pk).update(date_done=timezone.now() - timedelta(days=2))

    assert read_gauges()["atmr_failed_tasks_last_day"] == {"a.plan": 1, "b.book": 1}


def test_without_a_database_the_processes_figures_are_told_all_the_same(client, monkeypatch):
    client.get("/healthz")
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    found = {sample.name: sample.value for sample in samples(client)}

    assert found["atmr_database_up"] == 0
    assert "atmr_requests_total" in found


# --- Labels -------------------------------------------------------------------------------------


def test_no_label_names_a_row_a_company_or_a_person(client, line, everything_is_slow, board):
    plan(line.company)
    client.force_login(UserFactory(company=line.company, name="Eva Rochat"))
    client.get(f"/admin/day/{line.company.slug}/2027-03-10/")
    client.get(f"/admin/bookings/booking/{line.company.booking_set.first().pk}/change/")
    client.get("/admin/leman-4711/")
    client.get("/api/v1/company/runs/")
    succeeds.delay()

    ours = [sample for sample in samples(client) if sample.name.startswith("atmr_")]

    assert len(ours) > 100
    assert {name for sample in ours for name in sample.labels} <= LABELS
    for sample in ours:
        for name, value in sample.labels.items():
            # Other tests of this process answer requests with views of their own.
            if name not in {"le", "status"} and not value.startswith("tests."):
                assert re.fullmatch(r"[A-Za-z_]*(?:[.:\-][A-Za-z_0-9]+)*", value), sample
            assert not re.search(r"4711|[Ll]eman|Dubois|Rochat", value), sample


# --- Who may read -------------------------------------------------------------------------------

PROXIED = {"X-Forwarded-For": "203.0.113.9"}
TOKEN = {"Authorization": "Bearer s3cret"}


@pytest.mark.parametrize(
    ("settings_", "address", "headers", "status"),
    [
        ({}, "127.0.0.1", {}, 200),
        ({}, "::1", {}, 200),
        ({}, "203.0.113.9", {}, 403),
        ({}, "127.0.0.1", PROXIED, 403),
        ({}, "127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 403),
        ({"BEHIND_PROXY": True}, "127.0.0.1", {}, 403),
        ({"METRICS_TOKEN": "s3cret"}, "203.0.113.9", TOKEN, 200),
        ({"METRICS_TOKEN": "s3cret"}, "127.0.0.1", PROXIED | TOKEN, 200),
        ({"METRICS_TOKEN": "s3cret"}, "127.0.0.1", {}, 403),
        ({"METRICS_TOKEN": "s3cret"}, "203.0.113.9", {"Authorization": "Bearer s3cre"}, 403),
        ({"METRICS_TOKEN": "s3cret"}, "203.0.113.9", {"Authorization": "Bearer é"}, 403),
    ],
)  # fmt: skip
def test_strangers_read_nothing(client, settings, settings_, address, headers, status):
    for name, value in settings_.items():
        setattr(settings, name, value)

    response = client.get("/metrics", headers=headers, REMOTE_ADDR=address)

    assert response.status_code == status
    assert (b"atmr_requests" in response.content) == (status == 200)


def test_an_administrator_of_the_console_is_a_stranger_here(client):
    client.force_login(UserFactory(role="administrator", company=None))

    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403


# --- The folder of all processes ----------------------------------------------------------------


def ended_process():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def write(place, kind, pid, value):
    key = mmap_key("atmr_tasks", "atmr_tasks_total", ["task"], ["a"], "Help.")
    store = MmapedDict(str(place / f"{kind}_{pid}.db"))
    store.write_value(key, value, 0.0)
    store.close()


def read(place):
    return {
        path.name: [value for _, value, _, _ in MmapedDict.read_all_values_from_file(str(path))]
        for path in place.glob("*.db")
    }


def test_what_ended_processes_counted_is_added_up_and_their_gauges_are_dropped(tmp_path, settings):
    settings.METRICS_DIR = tmp_path
    here = os.getpid()
    write(tmp_path, "counter", here, 5.0)
    write(tmp_path, "gauge_livesum", here, 5.0)
    for value in (1.0, 2.0):
        gone = ended_process()
        write(tmp_path, "counter", gone, value)
        write(tmp_path, "gauge_livesum", gone, value)
        tasks.tidy_metrics()

    assert read(tmp_path) == {
        "counter_0.db": [3.0],
        f"counter_{here}.db": [5.0],
        f"gauge_livesum_{here}.db": [5.0],
    }
