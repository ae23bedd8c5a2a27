"""Answers that are kept: they change at once with whatever they are made from."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Company, Role
from atmr import caching
from dispatch.metrics import reading
from dispatch.models import AssignmentStatus, DispatchRun, RunState
from dispatch.services import answers, duty, versions
from fleet.models import AbsenceKind, DriverKind
from tests.constraints import by_sql
from tests.dispatch.days import Line, plan, policy
from tests.factories import (
    DAY,
    AssignmentFactory,
    BookingEventFactory,
    CompanyFactory,
    UnassignedFactory,
    UserFactory,
    on_day,
)

pytestmark = pytest.mark.django_db


class Stage(Line):
    """A day with a pool that was driven, and a night shift that reaches into the next one."""

    def __init__(self) -> None:
        super().__init__(CompanyFactory())
        self.policy = policy(self.company)
        self.day_shift = self.shift()
        self.other = self.shift(2)
        self.ride = self.driven(self.day_shift, 1, 3, 8)
        self.driven(self.day_shift, 2, 4, 10)
        after_midnight = on_day(1) + timedelta(days=1)
        self.night = self.shift(
            5, end_place=self[8], starts_at=on_day(20), ends_at=on_day(20) + timedelta(hours=8)
        )
        self.late_ride = AssignmentFactory(
            booking=self.booking(6, 7, 1, requested_pickup_at=after_midnight, status="completed"),
            shift=self.night,
            status=AssignmentStatus.DONE,
        )
        self.waiting = self.booking(1, 2, 15)

    def driven(self, shift: Any, start: float, end: float, hour: int) -> Any:
        booking = self.booking(start, end, hour, status="completed")
        by_sql(booking, {"actual_pickup_at": on_day(hour, 5)})
        by_sql(booking, {"actual_delivery_at": on_day(hour, 30)})
        return AssignmentFactory(booking=booking, shift=shift, status=AssignmentStatus.DONE)

    def figures(self) -> dict[str, Any]:
        company = Company.objects.get(pk=self.company.pk)
        return answers.figures_of_day(company=company, day=DAY)


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- Each input of a day's figures ----------------------------------------------------------------

ANOTHER_DAY = timedelta(days=3)
# What changes, of which row and to what; written in SQL, so that no code of ours takes part.
INPUTS = {
    "booking-time": lambda s: (s.waiting, {"requested_pickup_at": on_day(15) + ANOTHER_DAY}),
    "booking-state": lambda s: (s.waiting, {"status": "cancelled"}),
    "booking-confirmed": lambda s: (s.waiting, {"will_call": True, "time_confirmed": False}),
    "booking-promise": lambda s: (
        s.ride.booking,
        {"promised_from": on_day(7), "promised_until": on_day(7, 30)},
    ),
    "booking-actual": lambda s: (s.ride.booking, {"actual_pickup_at": on_day(8, 25)}),
    "booking-of-night-shift": lambda s: (
        s.late_ride.booking,
        {
            "actual_pickup_at": on_day(2) + timedelta(days=1),
            "actual_delivery_at": on_day(3) + timedelta(days=1),
        },
    ),
    "pickup-lat": lambda s: (s[1], {"lat": 46.1}),
    "pickup-lon": lambda s: (s[1], {"lon": 6.2}),
    "delivery-lat": lambda s: (s[3], {"lat": 46.1}),
    "delivery-lon": lambda s: (s[3], {"lon": 6.2}),
    "start-lat": lambda s: (s[5], {"lat": 46.1}),
    "start-lon": lambda s: (s[5], {"lon": 6.2}),
    "end-lat": lambda s: (s[8], {"lat": 46.1}),
    "end-lon": lambda s: (s[8], {"lon": 6.2}),
    "shift-cancelled": lambda s: (s.other, {"status": "cancelled"}),
    "shift-time": lambda s: (s.night, {"starts_at": on_day(0) + timedelta(days=1)}),
    "shift-starts-elsewhere": lambda s: (s.night, {"start_place": s[9]}),
    "driver-kind": lambda s: (s.day_shift.driver, {"kind": DriverKind.RESERVE}),
    "assignment-status": lambda s: (s.ride, {"status": AssignmentStatus.CANCELLED}),
    "assignment-time": lambda s: (s.late_ride, {"ends_at": on_day(5) + timedelta(days=1)}),
    "assignment-shift": lambda s: (s.ride, {"shift": s.other, "driver": s.other.driver,
        "layout": s.other.vehicle.layouts.get()}),
    "policy": lambda s: (s.policy, {"late_after_min": 0, "window_after_min": 0}),
    "time-zone": lambda s: (s.company, {"time_zone": "Asia/Tokyo"}),
}  # fmt: skip


@pytest.mark.parametrize("change", INPUTS.values(), ids=INPUTS)
def test_a_change_of_any_input_changes_the_figures_at_once(stage, change):
    by_sql(stage.ride.booking, {"promised_until": None, "promised_from": None})
    before = stage.figures()
    assert stage.figures() == before

    by_sql(*change(stage))

    assert stage.figures() != before
    company = Company.objects.get(pk=stage.company.pk)
    fresh = reading.of_period(
        company=company, first_day=DAY, last_day=DAY, policy=company.policy
    ).as_json()
    assert stage.figures() == fresh


ADDED = {
    "booking": lambda s: s.booking(1, 2, 9),
    "shift": lambda s: s.shift(),
    "ride": lambda s: s.driven(s.other, 1, 2, 12),
    "report": lambda s: BookingEventFactory(
        booking=s.ride.booking,
        from_status="en_route",
        to_status="arrived",
        happened_at=on_day(8, 40),
    ),
}


@pytest.mark.parametrize("add", ADDED.values(), ids=ADDED)
def test_a_new_row_changes_the_figures_at_once(stage, add):
    before = stage.figures()

    add(stage)

    assert stage.figures() != before


def test_a_row_that_is_gone_changes_the_figures_at_once(stage):
    before = stage.figures()

    stage.other.delete()

    assert stage.figures() != before


def test_a_recorded_absence_changes_the_figures_at_once(stage):
    """It takes the shift away, and with that the driver from those who share the work."""
    before = stage.figures()

    duty.record_absence(
        driver=stage.other.driver,
        kind=AbsenceKind.SICK,
        starts_at=on_day(0),
        ends_at=on_day(23),
        actor=None,
        now=on_day(6),
    )

    assert stage.figures() != before


def test_what_is_shown_does_not_change_with_what_is_not(stage):
    before = versions.of_figures(stage.company, on_day(0), on_day(23))

    by_sql(stage[1], {"name": "Elsewhere"})
    by_sql(stage.day_shift.driver, {"phone": "+41000000000"})

    assert versions.of_figures(stage.company, on_day(0), on_day(23)) == before


def test_a_change_while_the_answer_is_made_is_not_kept_under_the_old_version(stage, monkeypatch):
    """Changed and changed back, it is the old version again, and its answer the old one."""
    of_period, kind = reading.of_period, stage.day_shift.driver

    def changed_meanwhile(**asked):
        by_sql(kind, {"kind": DriverKind.RESERVE})
        return of_period(**asked)

    monkeypatch.setattr(reading, "of_period", changed_meanwhile)
    with_reserve = stage.figures()
    assert with_reserve["reserve_rides"] == 2
    monkeypatch.undo()

    by_sql(kind, {"kind": DriverKind.REGULAR})

    assert stage.figures()["reserve_rides"] == 0


def test_another_companys_figures_are_its_own(stage):
    stage.figures()

    assert answers.figures_of_day(company=CompanyFactory(), day=DAY)["bookings"] == 0


# --- Each input of a run's result -----------------------------------------------------------------


@pytest.fixture
def run(stage) -> DispatchRun:
    summary = plan(stage.company)
    run = DispatchRun.objects.get(pk=summary.run)
    assert run.assignments.exists()
    return run


def result(run):
    return answers.result_of_run(run)


def refusal(run):
    return UnassignedFactory(run=run, company=run.company)


RESULT_INPUTS = {
    "state": lambda run: by_sql(run, {"state": RunState.UNDONE}),
    "applied": lambda run: by_sql(run, {"applied_at": on_day(5)}),
    "assignment": lambda run: by_sql(run.assignments.get(), {"lock": "driver"}),
    "assignment-status": lambda run: by_sql(run.assignments.get(), {"status": "superseded"}),
    "unassigned": refusal,
}


@pytest.mark.parametrize("change", RESULT_INPUTS.values(), ids=RESULT_INPUTS)
def test_a_change_of_any_input_changes_the_result_of_a_run_at_once(run, change):
    before = result(run)
    assert result(run) == before

    change(run)

    assert result(run) != before


def test_what_would_help_changes_in_the_result_too(run):
    row = refusal(run)
    before = result(run)

    by_sql(row, {"reason": "capacity"})

    assert result(run) != before


def test_a_result_names_nobody(run):
    for ride in run.assignments.all():
        text = str(result(run))
        assert ride.driver.name not in text
        assert ride.booking.client.name not in text


# --- What it costs ------------------------------------------------------------------------------


def statements(ask):
    with CaptureQueriesContext(connection) as sent:
        ask()
    return len(sent)


@pytest.mark.parametrize("rides", [1, 10])
def test_kept_figures_cost_one_statement_and_new_ones_six(stage, rides):
    for _ in range(rides):
        stage.driven(stage.other, 1, 2, 12)
    company = Company.objects.get(pk=stage.company.pk)

    def ask():
        return answers.figures_of_day(company=company, day=DAY)

    # Version, policy, shifts, bookings, rides, version.
    assert statements(ask) == 6
    assert statements(ask) == 1


def test_kept_results_cost_one_statement_and_new_ones_five(run):
    # Version, run, assignments, unassigned, version.
    assert statements(lambda: result(run)) == 5
    assert statements(lambda: result(run)) == 1


def test_they_expire(stage, run, monkeypatch):
    kept = {}
    store = type(caches[caching.ALIAS])
    monkeypatch.setattr(store, "set", lambda _, key, value, timeout: kept.update({key: timeout}))

    stage.figures()
    result(run)

    assert sorted(kept.values()) == [1800, 3600]


# --- The endpoint -------------------------------------------------------------------------------


def test_the_result_of_a_run_is_read_by_its_company_alone(client, run):
    address = f"/api/v1/company/runs/{run.pk}/result/"
    client.force_login(UserFactory(company=run.company, role=Role.VIEWER))

    answer = client.get(address).json()

    assert answer["id"] == run.pk
    assert answer["assignments"][0]["booking"] == run.assignments.first().booking_id
    assert answer == client.get(address).json()
    client.force_login(UserFactory(role=Role.VIEWER))
    assert client.get(address).status_code == 404
