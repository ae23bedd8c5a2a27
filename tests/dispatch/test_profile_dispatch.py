"""The profile of a day's planning: counted by the server, too, and telling nobody's data."""

import json
import re
import uuid
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from atmr.statements import is_control
from bookings.models import Booking
from dispatch.darp.plan import Rule, Violation
from dispatch.models import Assignment, DispatchRun
from dispatch.services import explaining, planning
from tests.dispatch.days import Line
from tests.factories import DAY, ClientFactory, CompanyFactory

pytestmark = pytest.mark.django_db

NOW = "2027-03-10T00:00"
NAME = "Apolline Grandjean-Zürcher"


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


@pytest.fixture
def day(line) -> Line:
    """Three bookings, one of which nobody can take, and a driver."""
    client = ClientFactory(company=line.company, name=NAME)
    line.booking(1, 3, 9, client=client)
    line.booking(2, 4, 10, driver_notes=f"rings as {NAME}")
    line.booking(1, 3, 22)
    line.shift()
    return line


def run(line: Line, *arguments: str, out: StringIO | None = None) -> str:
    out = out or StringIO()
    asked = ["--company", line.company.slug, "--day", DAY.isoformat(), "--now", NOW]
    call_command("profile_dispatch", *asked, "--iterations", "0", *arguments, stdout=out)
    return out.getvalue()


def profile(line: Line, *arguments: str) -> dict:
    return json.loads(run(line, "--json", *arguments))


def slowly(monkeypatch, what: str) -> None:
    """Let the database sleep before planning explains itself, searching for a person."""
    real = explaining.explain_plan

    def explain(*arguments):
        with connection.cursor() as cursor:
            cursor.execute(what, [NAME])
        return real(*arguments)

    monkeypatch.setattr(explaining, "explain_plan", explain)


# Asks for a client by name, and takes longer than 50 ms to find them.
SLEEPS = "SELECT name FROM bookings_client WHERE name = %s AND pg_sleep(0.06) IS NOT NULL"


def test_the_server_has_counted_the_same_statements(day):
    """PostgreSQL's own log, of this connection alone, between two marks."""
    log = Path(settings.EMBEDDED.postgres.log)
    mark = uuid.uuid4().hex
    with connection.cursor() as cursor:
        cursor.execute("SET log_statement = 'all'")
        cursor.execute(f"SELECT 'begin {mark}'")
        found = profile(day, "--apply")
        cursor.execute(f"SELECT 'end {mark}'")
        cursor.execute("SET log_statement = 'none'")
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()

    text = log.read_text(errors="replace")
    between = text[text.index(f"begin {mark}") : text.index(f"end {mark}")]
    sent = re.findall(rf"\[{pid}\] LOG:  statement: (.*)", between)
    counted = [statement for statement in sent if not is_control(statement)]
    # Before the run the command reads the company; after it, what was created, and connections.
    assert "accounts_company" in counted[0]
    assert "pg_stat_activity" in counted[-2]
    after = next(n for n, statement in enumerate(counted) if "pg_advisory_unlock" in statement)
    assert found["statements"]["total"] == after
    assert found["statements"]["phases"] == {
        "start": 0, "open": 1, "load": 2, "travel": 0, "solve": 0, "check": 0, "store": 6,
        "close": 1,
    }  # fmt: skip


def test_it_says_what_the_run_did_and_what_it_took(day):
    found = profile(day, "--apply")

    stored = DispatchRun.objects.get(pk=found["run"])
    assert (found["company"], found["day"]) == (day.company.slug, DAY.isoformat())
    assert (found["state"], found["reason"]) == ("applied", "")
    assert (found["bookings"], found["assigned"], found["assignments_created"]) == (3, 2, 2)
    assert stored.assignments.count() == 2
    assert found["statements"]["kinds"] == {"INSERT": 3, "SELECT": 4, "UPDATE": 3}
    # Three bookings, a shift, four rows locked and the lock let go; and what the triggers do not
    # tell: the run twice, one unassigned, two assignments, two moves.
    assert found["rows"] == {"read": 3 + 1 + 3 + 1, "written": 2 + 1 + 2 + 2}
    seconds = dict(found["seconds"])
    total, start = seconds.pop("total"), seconds.pop("start")
    assert start >= 0
    assert total == pytest.approx(sum(seconds.values()), abs=0.001)
    assert found["memory"]["peak_mb"] > 10
    assert found["connections"]["database"] >= found["connections"]["process"] >= 1
    assert found["database"]["name"] == connection.settings_dict["NAME"]
    assert len(found["slowest"]) == 10
    assert found["slow"] == found["repeated"] == []


def test_it_proposes_unless_told_to_apply(day):
    assert profile(day)["state"] == "proposed"
    assert not Assignment.objects.live().exists()
    assert profile(day, "--apply")["state"] == "applied"
    assert Assignment.objects.live().exists()


def test_a_statement_in_a_loop_is_reported_with_its_line(day, monkeypatch):
    real = planning.build

    def build(rows, travel):
        for booking in rows.bookings:
            Booking.objects.filter(pk=booking.pk).count()
        return real(rows, travel)

    monkeypatch.setattr(planning, "build", build)

    (row,) = profile(day)["repeated"]

    assert (row["count"], row["phase"], row["kind"]) == (3, "travel", "SELECT")
    assert re.fullmatch(r"tests/dispatch/test_profile_dispatch\.py:\d+ build", row["site"])
    assert "bookings_booking" in row["shape"]
    text = run(day)
    assert f"3 times  travel {row['fingerprint']}  {row['site']}" in text


def test_a_slow_statement_is_listed_with_its_plan(day, monkeypatch):
    slowly(monkeypatch, SLEEPS)

    found = profile(day)

    (row,) = found["slow"]
    assert (found["statements"]["slow"], row["phase"]) == (1, "store")
    assert row["seconds"] > 0.05
    # By its index or not: the planner knows what other tests have left in the statistics.
    assert any(re.search(r"Scan .*\bon bookings_client", step) for step in row["plan"])
    assert found["slowest"][0]["fingerprint"] == row["fingerprint"]
    assert "plan" not in found["slowest"][0]
    assert re.search(r"Scan .*\bon bookings_client", run(day))


def test_explained_statements_are_run_again_and_leave_no_trace(day):
    found = profile(day, "--explain")

    plans = {row["shape"]: row["plan"] for row in found["slowest"]}
    again = [plan for plan in plans.values() if any("actual" in step for step in plan)]
    assert len(again) >= 4
    opened = next(plan for shape, plan in plans.items() if "dispatchrun (company_id" in shape)
    assert opened[0] == "not run again, it takes a lock"
    assert DispatchRun.objects.count() == 1
    assert Assignment.objects.count() == found["assignments_created"] == 2


def test_what_cannot_be_run_twice_is_planned_only(day):
    found = profile(day, "--explain", "--apply")

    plans = [row["plan"][0] for row in found["slowest"]]
    assert "not run again, it would break assignment_one_live_per_booking" in plans
    assert Assignment.objects.live().count() == 2


@pytest.mark.parametrize("arguments", [(), ("--apply", "--explain"), ("--apply", "--json")])
def test_no_value_that_was_sent_is_shown(day, monkeypatch, tmp_path, arguments):
    slowly(monkeypatch, SLEEPS)

    text = run(day, *arguments, "--save", str(tmp_path / "kept.json"))

    text += (tmp_path / "kept.json").read_text()
    text = re.sub(r"(cost|time)=[\d.]+", "", text)  # which may look like coordinates
    for secret in ("Apolline", "Grandjean", "rings as", "46.18", "46.19", "6.14"):
        assert not re.search(rf"(?<![\d.]){re.escape(secret)}", text), secret
    assert "bookings_client" in text


def test_a_profile_is_kept_and_compared(day, monkeypatch, tmp_path):
    kept = tmp_path / "kept.json"
    old = profile(day, "--save", str(kept))
    slowly(monkeypatch, SLEEPS)

    new = profile(day, "--compare", str(kept))

    assert json.loads(kept.read_text()) == old
    compared = new["comparison"]
    assert compared["old"]["run"] == old["run"]
    assert compared["statements"]["store"] == {
        "old": old["statements"]["phases"]["store"],
        "new": new["statements"]["phases"]["store"],
        "difference": 1,
    }
    assert compared["seconds"]["total"]["difference"] == pytest.approx(
        new["seconds"]["total"] - old["seconds"]["total"], abs=0.0002
    )
    assert ["pg_sleep" in row["shape"] for row in compared["new_shapes"]] == [True]
    assert compared["vanished_shapes"] == []


def test_a_comparison_is_told_in_words(day, tmp_path):
    kept = str(tmp_path / "kept.json")
    number = profile(day, "--save", kept)["run"]

    text = run(day, "--apply", "--compare", kept)

    assert f"Compared with run {number} of {day.company.slug}" in text
    assert "New shapes: 4" in text
    assert re.search(r"^total .* \+4$", text, re.MULTILINE) is None
    assert re.search(r"^store .*  3       6      \+3$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        ("{", "it holds no JSON"),
        (b"\xff\xfe", "it holds no JSON"),
        ("[1]", "did not write it"),
        ('{"run": 1}', "did not write it"),
        ('{"format": "atmr-profile-1", "shapes": 3}', "parts of it are missing"),
    ],
)
def test_a_file_that_is_no_profile_is_one_clear_line_and_no_run(day, tmp_path, content, why):
    file = tmp_path / "kept.json"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(CommandError) as error:
        run(day, "--compare", str(file))

    assert "\n" not in str(error.value)
    assert why in str(error.value)
    assert not DispatchRun.objects.exists()


def test_a_file_that_cannot_be_written_is_found_out_before_the_run(day, tmp_path):
    with pytest.raises(CommandError, match="cannot be written"):
        run(day, "--save", str(tmp_path / "nowhere" / "kept.json"))

    assert not DispatchRun.objects.exists()


def test_an_empty_day_is_a_completed_run_of_zeros_with_its_reason(line):
    found = profile(line, "--apply")

    assert (found["state"], found["reason"]) == ("applied", "no booking to plan")
    assert found["bookings"] == found["assigned"] == found["assignments_created"] == 0
    assert "(no booking to plan)" in run(line)


def test_a_day_without_a_driver_says_that_nothing_can_be_assigned(line):
    line.booking(1, 3, 9)

    assert profile(line)["reason"] == "no booking can be assigned"


def test_text_for_people_fits_100_columns_and_names_what_it_shows(day, monkeypatch):
    slowly(monkeypatch, SLEEPS)

    text = run(day, "--apply", "--explain")

    assert max(map(len, text.splitlines())) <= 100
    for words in (
        f"Company {day.company.slug}, day 2027-03-10",
        "2 of 3 bookings assigned, 2 assignments created",
        "Slow statements (over 50 ms): 1",
        "Slowest statements (first ten): 10",
        "Repeated statements (same shape from the same line, perhaps N+1): none",
        "By kind: 3 INSERT, 5 SELECT, 3 UPDATE",
    ):
        assert words in text


def test_an_unknown_company_is_refused_as_by_dispatch(line):
    out = StringIO()
    with pytest.raises(CommandError):
        call_command(
            "profile_dispatch", "--company", "nobody", "--day", "2027-03-10", "--json", stdout=out
        )

    assert json.loads(out.getvalue())["error"] == "no-such-company"


def test_a_bad_day_is_refused(line):
    with pytest.raises(CommandError, match="day"):
        call_command("profile_dispatch", "--company", line.company.slug, "--day", "yesterday")


def test_a_refused_plan_has_its_profile_and_exits_1(day, monkeypatch):
    broken = [Violation(Rule.CAPACITY, amount=1, vehicle=0, request=0)]
    monkeypatch.setattr(planning, "excess", lambda *_: broken)
    out = StringIO()

    with pytest.raises(CommandError, match="refused"):
        run(day, "--json", "--apply", out=out)

    found = json.loads(out.getvalue())
    assert (found["state"], found["violations"]) == ("refused", 1)
    assert found["reason"] == "refused: the plan would add 1 violations"
