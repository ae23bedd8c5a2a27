"""Each setting of the policy changes what is planned, and how the hours of two odd days count."""

from datetime import date, time, timedelta

import pytest

from atmr import clock
from bookings.models import Mobility
from bookings.states import BookingStatus
from dispatch.models import Assignment
from dispatch.services import intake, planning
from fleet.models import DriverKind, Skill
from tests.dispatch.days import Line, live, plan, policy
from tests.factories import (
    ZONE,
    AssignmentFactory,
    CompanyFactory,
    DriverFactory,
    ShiftFactory,
    VehicleLayoutFactory,
    on_day,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def served(line: Line, **settings: object) -> int:
    """How many bookings a plan with these settings serves; nothing is applied."""
    return plan(line.company, apply=False, overrides=settings).assigned


def proposed(line: Line, **settings: object) -> Assignment:
    """The one ride of a plan with these settings."""
    return Assignment.objects.get(
        dispatch_run=plan(line.company, apply=False, overrides=settings).run
    )


# --- Windows ------------------------------------------------------------------------------------


def test_a_pickup_may_start_so_much_before_the_requested_time(line):
    line.booking(1, 3, 9)
    line.shift(1, ends_at=on_day(9, 15))

    assert served(line, window_before_min=5) == 0
    assert served(line, window_before_min=40) == 1


def test_a_pickup_may_start_so_much_after_the_requested_time(line):
    line.booking(1, 3, 9)
    line.shift(1, starts_at=on_day(9, 20))

    assert served(line, window_after_min=10) == 0
    assert served(line, window_after_min=20) == 1


def test_the_promise_at_acceptance_is_as_wide_as_the_policy_says(line):
    policy(line.company, window_before_min=15, window_after_min=25)
    booking = line.booking(1, 3, 9, status=BookingStatus.PENDING)

    intake.accept_many(company=line.company, booking_ids=[booking.pk], actor=None, now=on_day(6))

    booking.refresh_from_db()
    assert (booking.promised_from, booking.promised_until) == (on_day(8, 45), on_day(9, 25))


def test_a_client_may_be_at_the_appointment_so_early(line):
    line.booking(1, 3, 9, arrive_by=True)
    line.shift(1, ends_at=on_day(8, 38))

    assert served(line, arrive_early_min=30) == 0
    assert served(line, arrive_early_min=60) == 1


def test_a_client_is_at_the_appointment_so_long_before(line):
    line.booking(1, 3, 9, arrive_by=True)
    line.shift(1, starts_at=on_day(8, 35))

    assert served(line, arrive_late_min=0) == 1
    assert served(line, arrive_late_min=15) == 0


# --- Service and ride time -----------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [0, 20])
def test_boarding_takes_so_long(line, minutes):
    line.booking(1, 3, 9)
    line.shift(1)

    ride = proposed(line, service_pickup_min=minutes)

    driving = ride.delivery_at - ride.pickup_at - timedelta(minutes=minutes)
    assert timedelta(minutes=9) < driving < timedelta(minutes=11)


@pytest.mark.parametrize(
    ("mobility", "setting", "expected"),
    [
        (Mobility.WALKS, {"service_delivery_min": 7}, 7),
        (Mobility.STRETCHER, {"stretcher_extra_min": 20}, 25),
        (Mobility.STRETCHER, {"stretcher_extra_min": 0}, 5),
        (Mobility.WHEELCHAIR, {"stretcher_extra_min": 20, "wheelchair_extra_min": 3}, 8),
        (Mobility.FOLDING_WHEELCHAIR, {"wheelchair_extra_min": 9}, 14),
    ],
)
def test_alighting_takes_so_long(line, mobility, setting, expected):
    line.booking(1, 3, 9, mobility=mobility)
    shift = line.shift(1)
    VehicleLayoutFactory(vehicle=shift.vehicle, seats=1, wheelchairs=1, stretchers=1)

    ride = proposed(line, **setting)

    assert ride.ends_at - ride.delivery_at == timedelta(minutes=expected)


@pytest.mark.parametrize(
    ("tight", "wide"),
    [
        ({"max_ride_plus_min": 0, "max_ride_factor": 1}, {"max_ride_plus_min": 90}),
        ({"max_ride_factor": 1}, {"max_ride_factor": 5}),
        ({"max_ride_min": 10}, {"max_ride_min": 90}),
    ],
)
def test_a_client_rides_no_longer_than_allowed(line, tight, wide):
    line.shift()
    line.booking(0, 10, 9)
    line.booking(1, 2, 9)
    common = {"pooling": True, "max_detour_min": 240, "max_ride_plus_min": 0, "max_ride_factor": 5}

    assert served(line, **common | tight) == 1
    assert served(line, **common | wide) == 2


@pytest.mark.parametrize(("minutes", "expected"), [(0, 1), (10, 1), (30, 2), (None, 2)])
def test_a_vehicle_stands_with_a_client_aboard_no_longer_than_allowed(line, minutes, expected):
    line.shift()
    line.booking(0, 10, 9)
    line.booking(1, 2, 9, 40)
    wide = {"pooling": True, "max_detour_min": 240, "max_ride_plus_min": 120}

    assert served(line, **wide, max_wait_aboard_min=minutes) == expected


# --- Prices --------------------------------------------------------------------------------------


def test_fairness_looks_back_as_many_days_as_told(line):
    near, far = line.shift(1), line.shift(1.2)
    before = ShiftFactory(
        driver=near.driver, vehicle=near.vehicle, company=line.company,
        starts_at=near.starts_at - timedelta(days=3), ends_at=near.ends_at - timedelta(days=3),
    )  # fmt: skip
    worked = line.booking(
        1, 3, 9, requested_pickup_at=on_day(9) - timedelta(days=3), status=BookingStatus.ASSIGNED
    )
    AssignmentFactory(
        booking=worked, shift=before, delivery_at=worked.scheduled_at + timedelta(hours=5)
    )
    line.booking(1, 3, 9)

    assert proposed(line, fairness_weight=1, fairness_days=1).shift == near
    assert proposed(line, fairness_weight=1, fairness_days=7).shift == far


def test_a_reserve_driver_costs_so_much(line):
    line.shift(8)
    reserve = line.shift(1, driver=DriverFactory(company=line.company, kind=DriverKind.RESERVE))
    line.booking(1, 3, 9)

    assert proposed(line, reserve_penalty_min=0, fairness_weight=0).shift == reserve
    assert proposed(line, reserve_penalty_min=600, fairness_weight=0).shift != reserve


def test_a_moved_promise_costs_so_much(line):
    line.shift(1)
    line.shift(1)
    line.booking(1, 3, 9, promised_from=on_day(9, 9), promised_until=on_day(9, 10))
    line.booking(3, 1, 9, 20, promised_from=on_day(9, 15), promised_until=on_day(9, 15))

    def shifts(price: int) -> int:
        run = plan(
            line.company,
            apply=False,
            overrides={"move_promise_min": price, "fairness_weight": 0},
        ).run
        return len(set(Assignment.objects.filter(dispatch_run=run).values_list("shift")))

    assert shifts(0) == 1
    assert shifts(600) == 2


def test_a_changed_driver_costs_so_much(line):
    far, near = line.shift(12), line.shift(1)
    booking = line.booking(1, 3, 12, status=BookingStatus.ASSIGNED)
    AssignmentFactory(
        booking=booking, shift=far, delivery_at=booking.scheduled_at + timedelta(minutes=30)
    )

    plan(line.company, overrides={"change_driver_min": 600, "fairness_weight": 0})
    assert live(booking).shift == far

    plan(line.company, overrides={"change_driver_min": 0, "fairness_weight": 0})
    assert live(booking).shift == near


@pytest.mark.parametrize("budget_s", [0.0, 0.25])
def test_the_search_takes_the_budget_of_the_settings(line, monkeypatch, budget_s):
    line.booking(1, 3, 9)
    line.shift()
    asked = []
    solve = planning.search.solve

    def spy(*args, **options):
        asked.append(options.get("budget_s"))
        return solve(*args, **options)

    monkeypatch.setattr(planning.search, "solve", spy)

    plan(line.company, iterations=None, overrides={"budget_s": budget_s})

    assert asked[-1] == budget_s


# --- Limits of a day -----------------------------------------------------------------------------


def test_two_shifts_of_a_day_share_what_their_driver_may_work(line):
    driver = DriverFactory(company=line.company, max_work_min_per_day=60)
    line.shift(1, driver=driver, ends_at=on_day(11))
    line.shift(1, driver=driver, starts_at=on_day(13))
    for hour in (9, 15):
        line.booking(1, 7, hour)

    assert served(line) < 2
    driver.max_work_min_per_day = 200
    driver.save()
    assert served(line) == 2


# --- The two days on which the clock changes -----------------------------------------------------


@pytest.mark.parametrize(
    ("day", "wall", "instant_hour"),
    [
        (date(2027, 3, 28), time(1, 30), 0.5),
        (date(2027, 3, 28), time(2, 30), 1.5),  # does not exist: 03:30
        (date(2027, 3, 28), time(9, 0), 7),
        (date(2027, 10, 31), time(1, 30), -0.5),
        (date(2027, 10, 31), time(2, 30), 0.5),  # exists twice: the first
        (date(2027, 10, 31), time(9, 0), 8),
    ],
)
def test_a_ride_is_planned_at_its_instant_on_the_days_of_23_and_25_hours(
    line, day, wall, instant_hour
):
    wanted = clock.at(day, wall, ZONE)
    start, end = clock.day_bounds(day, ZONE)
    booking = line.booking(1, 3, 9, requested_pickup_at=wanted)
    line.shift(1, starts_at=start, ends_at=min(end, start + timedelta(hours=24)))

    summary = plan(line.company, day=day, now=start - timedelta(hours=6))

    midnight_utc = clock.at(day, time(0), clock.ZoneInfo("UTC"))
    assert wanted == midnight_utc + timedelta(hours=instant_hour)
    assert summary.assigned == 1
    assert timedelta(minutes=-5) <= live(booking).pickup_at - wanted <= timedelta(minutes=10)


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 28), 23), (date(2027, 10, 31), 25)])
def test_a_day_of_23_or_25_hours_has_all_its_bookings_and_no_other(line, day, hours):
    start, end = clock.day_bounds(day, ZONE)
    line.shift(1, starts_at=start - timedelta(hours=2), ends_at=start + timedelta(hours=10))
    line.shift(1, starts_at=end - timedelta(hours=10), ends_at=end + timedelta(hours=2))
    inside = [
        line.booking(1, 3, 9, requested_pickup_at=at)
        for at in (start, start + timedelta(hours=2), end - timedelta(seconds=1))
    ]
    outside = [
        line.booking(1, 3, 9, requested_pickup_at=at) for at in (start - timedelta(seconds=1), end)
    ]

    summary = plan(line.company, day=day, now=start - timedelta(hours=6))

    assert end - start == timedelta(hours=hours)
    assert summary.bookings == len(inside) == summary.assigned
    assert [live(booking) for booking in outside] == [None, None]


def test_a_night_shift_across_the_change_drives_its_real_hours(line):
    day = date(2027, 10, 31)
    start, _ = clock.day_bounds(day, ZONE)
    driver = DriverFactory(
        company=line.company, max_work_min_per_day=5 * 60, skills=[Skill.WHEELCHAIR]
    )
    # From 01:00 to 04:30 on the wall are four hours and a half.
    line.shift(1, driver=driver, starts_at=start, ends_at=start + timedelta(hours=8))
    first = line.booking(1, 3, 9, requested_pickup_at=clock.at(day, time(1), ZONE))
    last = line.booking(3, 1, 9, requested_pickup_at=clock.at(day, time(5), ZONE))

    summary = plan(line.company, day=day, now=start - timedelta(hours=6))

    assert summary.assigned == 1, (first, last)
