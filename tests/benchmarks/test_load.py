"""The load's plain parts: reading pages, summing up, and the people who sign in."""

import os
import subprocess
import sys
from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import Company, User
from benchmarks.load import processors, report
from benchmarks.load.pages import drivers_of, find_form, forms_of, links_of
from benchmarks.load.stage import NAME, ensure_history, stage
from tests.factories import BookingFactory, CompanyFactory

NOW = datetime.fromisoformat("2026-11-23T12:00:00+01:00")
PAGE = """
<form id="search"><input name="q"></form>
<form id="asked" action="/plan/" method="post">
  <input type="hidden" name="csrfmiddlewaretoken" value="token">
  <input name="at" value="2026-11-23"><input type="checkbox" name="will_call">
  <input type="checkbox" name="kept" checked><input type="submit" name="_save" value="Save">
  <select name="shift"><option value="">-</option><option value="7" selected>A</option></select>
  <textarea name="notes"> ring twice </textarea>
</form>
<a class="button" href="/admin/decide/arrived/?booking=3&amp;day=2026-11-23">Arrived</a>
"""
IDLE = {"used": 3, "most": 30, "waiting": 0, "queued": 0, "threads_share": 0.0}


def test_a_form_is_sent_as_a_browser_would():
    form = find_form(PAGE, id="asked")

    assert form.fields == {
        "csrfmiddlewaretoken": "token",
        "at": "2026-11-23",
        "kept": "on",
        "shift": "7",
        "notes": "ring twice",
    }
    assert form.choices["shift"] == ["", "7"]
    assert find_form(PAGE, action="/plan/") == form
    assert find_form(PAGE, action="/apply/") is None
    assert len(forms_of(PAGE)) == 1


def test_links_are_followed_as_they_are_written():
    assert links_of(PAGE, "decide/arrived/") == ["/admin/decide/arrived/?booking=3&day=2026-11-23"]


def test_percentiles_of_counted_milliseconds():
    times = {10: 90, 100: 9, 1000: 1}

    assert [report.percentile_ms(times, p) for p in (50, 95, 99, 100)] == [10, 100, 100, 1000]
    assert report.percentile_ms({}, 95) is None


def test_requests_of_one_name_are_one_line_and_lists_are_summed_up():
    entries = [
        {"name": "list: a", "response_times": {"10": 1}, "num_failures": 0},
        {"name": "list: a", "response_times": {"30": 1}, "num_failures": 1},
        {"name": "list: b", "response_times": {"200": 2}, "num_failures": 0},
        {"name": "plan", "response_times": {"3000": 1}, "num_failures": 0},
    ]

    rows = {row["name"]: row for row in report.requests_of(entries, seconds=10)}

    assert (rows["list: a"]["requests"], rows["list: a"]["errors"]) == (2, 1)
    assert rows["lists together"]["p95_ms"] == 200
    assert rows["all together"]["requests"] == 5
    assert rows["all together"]["per_s"] == 0.5
    assert rows["all together"]["error_rate"] == 0.2


@pytest.mark.parametrize(
    ("cpu", "pool", "said"),
    [
        ({"web": 0.2, "PostgreSQL": 0.1, "locust": 0.1, "locust_core": 0.2}, {}, "nothing"),
        ({"web": 0.6, "PostgreSQL": 0.3, "locust": 0.1, "locust_core": 0.2}, {}, "web most"),
        ({"web": 0.6, "PostgreSQL": None, "locust": 0.46, "locust_core": 0.92}, {}, "locust"),
        ({"web": 0.9, "locust": 0.1, "locust_core": 0.2}, {"queued": 4, "used": 30}, "the pool: 4"),
        ({"web": 0.5, "locust": 0.1, "locust_core": 0.2}, {"threads_share": 0.3}, "threads"),
    ],
)
def test_what_gave_way_first(cpu, pool, said):
    assert said in report.saturated(cpu, IDLE | pool)


def test_targets_are_held_or_not():
    rows = [
        {"name": "lists together", "p95_ms": 151, "errors": 0},
        {"name": "all together", "p95_ms": 900, "errors": 1},
    ]
    found = {"requests": rows, "pool": IDLE | {"used": 30}}

    assert [held for _, held in report.targets(found)] == [False, False, False]
    rows[0]["p95_ms"], rows[1]["errors"] = 149, 0
    assert [held for _, held in report.targets(found | {"pool": IDLE})] == [True, True, True]


def test_processor_time_counts_children_too():
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    child = subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE)
    try:
        found = processors.seconds_of({"us": os.getpid(), "child": child.pid, "none": None})
    finally:
        child.communicate()

    assert found["us"] >= found["child"] >= 0
    assert found["us"] > 0
    assert found["none"] is None


@pytest.mark.django_db(transaction=True)
def test_people_sign_in_work_in_companies_of_their_own_and_leave_nothing():
    past = CompanyFactory(slug="history-1")
    CompanyFactory(slug="load-1", name=NAME)  # left by a run that was killed

    with stage(users=4, seconds=60, think_s=(5, 15), now=NOW) as prepared:
        people = prepared.people
        browser = Browser(REMOTE_ADDR=people[0].address)
        answer = browser.post(
            reverse("admin:login"), {"username": people[0].email, "password": people[0].password}
        )
        page = browser.get(reverse("console:day", args=[people[0].slug, NOW.date()]))

        assert answer.status_code == 302
        stops = "".join(
            browser.get(driver).content.decode() for driver in drivers_of(page.content.decode())
        )
        assert links_of(stops, "decide/en-route/")

    assert [person.slug for person in people] == ["load-1", "history-1", "load-2", "history-1"]
    assert [person.day for person in people[:2]] == ["2026-11-23", "2026-11-22"]
    assert len({person.address for person in people}) == 4
    assert [Company.objects.get(), User.objects.count()] == [past, 0]


@pytest.mark.django_db
def test_a_history_that_is_there_is_used():
    BookingFactory(company=CompanyFactory(slug="history-1"))

    assert ensure_history(wanted=None, say=pytest.fail) == 1


def test_production_is_refused_until_told():
    with pytest.raises(CommandError, match="--allow-production"):
        call_command("bench_load")
