"""What others parse: the answers of the planning commands."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dispatch.models import Assignment, DispatchRun, Lock
from dispatch.services import planning
from dispatch.services.runs import RunUnderWay
from tests.dispatch.days import Line, live, plan
from tests.factories import DAY, CompanyFactory

pytestmark = pytest.mark.django_db

NOW = "2027-03-10T00:00"


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def refused(name: str, *arguments: str) -> tuple[str, str]:
    """What a refused command prints on standard output, and the line that says why."""
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command(name, *arguments, stdout=out)
    assert error.value.returncode == 1
    assert "\n" not in str(error.value)
    return out.getvalue(), str(error.value)


def dispatch(line: Line, *arguments: str) -> dict:
    text = run("dispatch", *_day(line), "--now", NOW, "--iterations", "20", "--json", *arguments)
    return json.loads(text)


def _day(line: Line) -> tuple[str, ...]:
    return "--company", line.company.slug, "--day", DAY.isoformat()


def test_dispatch_answers_with_all_that_the_contract_names(line):
    line.booking(1, 3, 9)
    left = line.booking(1, 3, 22)
    line.shift()

    answer = dispatch(line, "--apply", "--seed", "3", "--set", "pooling=on")

    assert answer["state"] == "applied"
    assert (answer["bookings"], answer["assigned"]) == (2, 1)
    assert answer["unassigned"] == [{"booking": left.reference, "reason": "vehicle_window"}]
    assert (answer["violations"], answer["inherited"], answer["stale"]) == ([], [], [])
    assert answer["cost"]["total"] == pytest.approx(
        sum(answer["cost"]["components"].values()), abs=0.01
    )
    assert answer["seconds"].keys() == {
        "start", "open", "load", "travel", "solve", "check", "store", "close", "total",
    }  # fmt: skip
    assert answer["sql"].keys() == {"statements", "slow"}
    assert 0 < answer["sql"]["statements"] <= 12
    assert answer["travel_source"] == "great_circle"
    stored = DispatchRun.objects.get(pk=answer["run"])
    assert (stored.seed, stored.settings["pooling"]) == (3, True)


def test_dispatch_without_apply_proposes(line):
    line.booking(1, 3, 9)
    line.shift()

    assert dispatch(line)["state"] == "proposed"
    assert not Assignment.objects.live().exists()


def test_dispatch_reads_a_wall_time_in_the_companys_zone(line):
    dispatch(line)

    assert DispatchRun.objects.get().started_at.isoformat() == "2027-03-09T23:00:00+00:00"


def test_dispatch_tells_people_in_words(line):
    left = line.booking(1, 3, 22)
    line.shift()

    text = run("dispatch", *_day(line), "--now", NOW, "--iterations", "1")

    assert "0 of 1 bookings assigned" in text
    assert f"unassigned {left.reference}: vehicle_window" in text


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("nonsense=1", "unknown-setting", "nonsense"),
        ("pooling", "not-a-setting", "NAME=VALUE"),
        ("freeze_min=soon", "bad-setting", "freeze_min"),
        ("freeze_min=-1", "bad-setting", "freeze_min"),
        ("budget_s=601", "bad-setting", "600"),
        ("budget_s=nan", "bad-setting", "budget_s"),
        ("mode=turbo", "bad-setting", "mode"),
        ("arrive_late_min=31", "bad-setting", "arrive_late_min"),
    ],
)
def test_a_setting_that_is_none_is_refused_in_one_line_and_one_object(line, setting, code, words):
    out, why = refused("dispatch", *_day(line), "--json", "--set", setting)

    answer = json.loads(out)
    assert answer == {"error": code, "message": why}
    assert words in why
    assert not DispatchRun.objects.exists()


@pytest.mark.parametrize("option", ["--seed", "--iterations"])
@pytest.mark.parametrize("value", ["-1", "3000000000", "many"])
def test_a_number_that_no_run_can_have_is_refused_before_there_is_a_run(line, option, value):
    out, why = refused("dispatch", *_day(line), f"{option}={value}")

    assert (out, DispatchRun.objects.count()) == ("", 0)
    assert "whole number" in why


@pytest.mark.parametrize("name", ["dispatch", "dispatch_undo"])
def test_an_unknown_company_is_refused(name):
    out, why = refused(name, "--company", "nobody", "--day", "2027-03-10", "--json")

    assert json.loads(out)["error"] == "no-such-company"
    assert "nobody" in why


def test_a_run_under_way_is_refused(line, monkeypatch):
    def busy(**_options):
        raise RunUnderWay

    monkeypatch.setattr(planning, "plan_day", busy)

    out, why = refused("dispatch", *_day(line), "--json")

    assert json.loads(out) == {"error": "run-under-way", "message": why}
    assert refused("dispatch", *_day(line)) == ("", why)


def test_a_refused_plan_prints_its_violations_once_and_exits_1(line, monkeypatch):
    summary = planning.Summary(run=7, state="refused", violations=[{"rule": "capacity"}])
    summary.seconds, summary.sql = {"total": 0.1}, {"statements": 5}
    monkeypatch.setattr(planning, "plan_day", lambda **_options: summary)

    out, why = refused("dispatch", *_day(line), "--json")

    assert json.loads(out) == summary.as_json()
    assert "1 violations" in why


def test_undo_answers_with_what_it_did_and_left(line):
    line.booking(1, 3, 9)
    line.shift()
    run_id = dispatch(line, "--apply")["run"]

    answer = json.loads(run("dispatch_undo", *_day(line), "--json"))

    assert answer == {"run": run_id, "restored": 0, "taken_back": 1, "left": []}
    out, why = refused("dispatch_undo", *_day(line), "--json")
    assert json.loads(out) == {"error": "nothing-to-undo", "message": why}


def test_explain_says_why_this_driver(line):
    booking = line.booking(1, 3, 9)
    near, far = line.shift(1), line.shift(3)
    plan(line.company)

    answer = json.loads(run("explain", "--booking", booking.reference, "--json"))

    assert (answer["booking"], answer["shift"]) == (booking.reference, near.pk)
    assert answer["driver"] == near.driver_id
    assert [row["shift"] for row in answer["runners_up"]] == [far.pk]
    assert answer["runners_up"][0]["cost"] > answer["cost"]
    text = run("explain", "--booking", booking.reference)
    assert near.driver.name in text
    assert far.driver.name in text


def test_explain_says_why_none(line):
    booking = line.booking(1, 3, 22)
    shift = line.shift()

    answer = json.loads(run("explain", "--booking", booking.reference, "--json"))

    assert answer["reason"] == "vehicle_window"
    assert [row["shift"] for row in answer["drivers"]] == [shift.pk]
    assert "the shift ends too early" in run("explain", "--booking", booking.reference)


def test_explain_refuses_what_it_cannot_find(line):
    booking = line.booking(1, 3, 9)
    twin = Line(CompanyFactory()).booking(1, 3, 9, reference=booking.reference)

    out, _ = refused("explain", "--booking", "NOBODY", "--json")
    assert json.loads(out)["error"] == "no-such-booking"
    out, why = refused("explain", "--booking", twin.reference, "--json")
    assert json.loads(out) == {"error": "several-bookings", "message": why}
    found = run("explain", "--booking", twin.reference, "--company", twin.company.slug, "--json")
    assert json.loads(found)["booking"] == twin.reference


def test_a_lock_shows_nowhere_else_than_in_the_plan(line):
    booking = line.booking(1, 3, 9)
    line.shift()
    plan(line.company)
    Assignment.objects.update(lock=Lock.TIMES)

    answer = dispatch(line, "--apply")

    assert (answer["changed"], live(booking).lock) == (0, Lock.TIMES)
