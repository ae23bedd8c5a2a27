"""Demonstration days, planned and applied, judged by the outside checker."""

from datetime import timedelta

import pytest
from django.db.models import F

from bookings.models import Booking
from dispatch.demo import seeding
from dispatch.models import Assignment
from dispatch.services import planning
from fleet.models import Driver, Shift, VehicleLayout
from tests.dispatch.days import Line, plan
from tests.dispatch.outside import broken_rules
from tests.factories import DAY, BookingFactory, CompanyFactory, VehicleLayoutFactory, on_day

pytestmark = pytest.mark.django_db

NIGHT = on_day(0)


def seeded(bookings, *, seed):
    return seeding.seed_day(
        day=DAY, bookings=bookings, drivers=max(4, bookings // 6), seed=seed, now=NIGHT
    ).company


def planned(company, **overrides):
    return planning.plan_day(
        company=company, day=DAY, now=NIGHT, apply=True, iterations=30, overrides=overrides
    )


@pytest.mark.parametrize("fairness", [0, 1])
@pytest.mark.parametrize("pooling", [False, True])
@pytest.mark.parametrize(("bookings", "seed"), [(10, 1), (10, 2), (60, 3)])
def test_a_demonstration_day_holds_from_outside(bookings, seed, pooling, fairness):
    company = seeded(bookings, seed=seed)
    settings = {"pooling": pooling, "fairness_weight": fairness}

    summary = planned(company, **settings)

    assert summary.assigned > bookings // 2
    assert (summary.violations, summary.inherited) == ([], [])
    assert broken_rules(company, DAY, **settings) == []


@pytest.mark.parametrize("pooling", [False, True])
def test_a_second_plan_changes_nothing_that_need_not_change(pooling):
    company = seeded(30, seed=4)
    planned(company, pooling=pooling)
    rows = list(Assignment.objects.order_by("pk").values())

    summary = planning.plan_day(
        company=company,
        day=DAY,
        now=NIGHT,
        apply=True,
        iterations=0,
        overrides={"pooling": pooling},
    )

    assert summary.changed == 0
    assert list(Assignment.objects.order_by("pk").values()) == rows


# --- The checker itself: what is spoilt is found --------------------------------------------------


def _shifted(ride, minutes):
    gap = timedelta(minutes=minutes)
    Assignment.objects.filter(pk=ride.pk).update(
        pickup_at=F("pickup_at") + gap,
        delivery_at=F("delivery_at") + gap,
        ends_at=F("ends_at") + gap,
    )


def _driver(ride, **fields):
    Driver.objects.filter(pk=ride.driver_id).update(**fields)


SPOILED = {
    "window": lambda ride: _shifted(ride, 60),
    "drive": lambda ride: Shift.objects.filter(pk=ride.shift_id).update(starts_at=ride.pickup_at),
    "shift_end": lambda ride: Shift.objects.filter(pk=ride.shift_id).update(ends_at=ride.ends_at),
    "break": lambda ride: Shift.objects.filter(pk=ride.shift_id).update(
        break_min=30,
        break_from_at=ride.pickup_at,
        break_until_at=ride.pickup_at + timedelta(minutes=31),
    ),
    "status": lambda ride: Assignment.objects.filter(pk=ride.pk).update(status="cancelled"),
    "service": lambda ride: Assignment.objects.filter(pk=ride.pk).update(ends_at=F("delivery_at")),
    "ride": lambda ride: Assignment.objects.filter(pk=ride.pk).update(
        delivery_at=F("delivery_at") + timedelta(hours=2), ends_at=F("ends_at") + timedelta(hours=2)
    ),
    "refused": lambda ride: ride.booking.client.refused_drivers.add(ride.driver),
    "skills": lambda ride: Booking.objects.filter(pk=ride.booking_id).update(skills=["bariatric"]),
    "equipment": lambda ride: Booking.objects.filter(pk=ride.booking_id).update(
        equipment=["child_seat"]
    ),
    "reserve": lambda ride: _driver(ride, kind="reserve"),
    "documents": lambda ride: _driver(ride, active=False),
    "limit": lambda ride: _driver(ride, max_bookings_per_day=1),
    "work": lambda ride: _driver(ride, max_work_min_per_day=5),
    "capacity": lambda ride: VehicleLayout.objects.filter(pk=ride.layout_id).update(
        seats=0, wheelchairs=0, stretchers=1
    ),
    "outbound": lambda ride: Booking.objects.filter(pk=ride.booking_id).update(
        outbound=BookingFactory(company=ride.company)
    ),
}


@pytest.mark.parametrize("rule", sorted(SPOILED))
def test_the_checker_finds_what_is_spoiled(rule):
    line = Line(CompanyFactory())
    line.shift()
    for hour in (9, 12):
        line.booking(1, 3, hour)
    plan(line.company)
    assert broken_rules(line.company, DAY, reserve_drivers=False) == []
    ride = Assignment.objects.live().order_by("pickup_at").first()

    SPOILED[rule](ride)

    found = broken_rules(line.company, DAY, reserve_drivers=False)
    assert rule in {broken.rule for broken in found}


@pytest.mark.parametrize("rule", ["pool", "sharing"])
def test_the_checker_finds_a_pool_that_is_none(rule):
    line = Line(CompanyFactory())
    line.shift()
    rides = [line.booking(1, 6, 9), line.booking(1, 6, 9)]
    plan(line.company, overrides={"pooling": True})
    assert broken_rules(line.company, DAY, pooling=True) == []

    if rule == "pool":
        other = VehicleLayoutFactory(vehicle=rides[0].assignments.get().layout.vehicle)
        Assignment.objects.filter(booking=rides[0]).update(layout=other)

    found = broken_rules(line.company, DAY, pooling=rule == "pool")
    assert rule in {broken.rule for broken in found}


def test_the_checker_finds_a_wait_aboard():
    line = Line(CompanyFactory())
    line.shift()
    line.booking(0, 10, 9)
    line.booking(1, 2, 9, 40)
    wide = {"pooling": True, "max_detour_min": 240, "max_ride_plus_min": 120}
    plan(line.company, overrides=wide | {"max_wait_aboard_min": 30})

    assert broken_rules(line.company, DAY, **wide, max_wait_aboard_min=30) == []
    found = broken_rules(line.company, DAY, **wide, max_wait_aboard_min=5)
    assert {broken.rule for broken in found} == {"wait"}


def test_the_checker_finds_a_return_that_leaves_before_its_outbound_ends():
    line = Line(CompanyFactory())
    line.shift()
    one, other = line.booking(1, 3, 9), line.booking(3, 1, 10)
    plan(line.company)

    Booking.objects.filter(pk=one.pk).update(outbound=other)

    assert "return" in {broken.rule for broken in broken_rules(line.company, DAY)}
