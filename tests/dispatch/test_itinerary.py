"""A shift's day as its driver sees it."""

from datetime import timedelta
from uuid import uuid4

import pytest

from dispatch import itinerary
from dispatch.itinerary import StopKind
from tests.factories import AssignmentFactory, BookingFactory, ShiftFactory, on_day

pytestmark = pytest.mark.django_db


def ten_minutes(_start, _end):
    return timedelta(minutes=10)


def ride(shift, hour, minute=0, *, lasts=20, **fields):
    pickup_at = on_day(hour, minute)
    booking = BookingFactory(company=shift.company, requested_pickup_at=pickup_at)
    return AssignmentFactory(
        booking=booking,
        shift=shift,
        pickup_at=pickup_at,
        delivery_at=pickup_at + timedelta(minutes=lasts),
        **fields,
    )


def kinds(plan):
    return [stop.kind for stop in plan.stops]


def test_a_day_without_rides_starts_and_ends():
    plan = itinerary.of_shift(ShiftFactory(), [], ten_minutes)

    assert kinds(plan) == [StopKind.START, StopKind.END]
    assert plan.assignments == []


def test_stops_come_in_order_with_the_wait_that_the_drive_leaves():
    shift = ShiftFactory()  # from 07:00
    later, earlier = ride(shift, 10), ride(shift, 9)

    plan = itinerary.of_shift(shift, [later, earlier], ten_minutes)

    assert [stop.assignment for stop in plan.stops] == [
        None,
        earlier,
        earlier,
        later,
        later,
        None,
    ]
    # From the base at 07:00: 120 minutes less ten; from 09:25: 35 minutes less ten.
    assert [stop.waits for stop in plan.stops if stop.kind == StopKind.PICKUP] == [
        timedelta(minutes=110),
        timedelta(minutes=25),
    ]


def test_who_rides_together_is_one_pool_and_nobody_waits_between():
    shift = ShiftFactory()
    pool = uuid4()
    first = ride(shift, 9, lasts=40, pool=pool)
    second = ride(shift, 9, 10, lasts=20, pool=pool)
    alone = ride(shift, 11)

    plan = itinerary.of_shift(shift, [first, second, alone], ten_minutes)

    assert [pool.assignments for pool in plan.pools] == [(first, second), (alone,)]
    assert [pool.is_shared for pool in plan.pools] == [True, False]
    assert [(stop.kind, stop.aboard) for stop in plan.stops[1:5]] == [
        (StopKind.PICKUP, 1),
        (StopKind.PICKUP, 2),
        (StopKind.DELIVERY, 1),
        (StopKind.DELIVERY, 0),
    ]
    assert {stop.waits for stop in plan.stops[2:5]} == {timedelta(0)}


def break_of(**window):
    return ShiftFactory(
        break_min=30,
        break_from_at=on_day(*window.get("from_", (11, 0))),
        break_until_at=on_day(*window.get("until", (13, 0))),
    )


def test_the_break_is_in_the_first_gap_with_room_for_it():
    shift = break_of()
    rides = [ride(shift, 10, 30, lasts=45), ride(shift, 11, 50), ride(shift, 13, 30)]

    plan = itinerary.of_shift(shift, rides, ten_minutes)

    # From 11:20 to 11:50 there are 30 minutes, but ten are the drive; from 12:15 there is room.
    assert plan.pause.at == on_day(12, 15)
    assert plan.pause.leaves_at == on_day(12, 45)
    assert not plan.misses_break
    # 75 minutes to the next pickup, less the drive and the break.
    assert plan.stops[-3].waits == timedelta(minutes=35)


def test_the_break_waits_for_its_window():
    plan = itinerary.of_shift(break_of(), [], ten_minutes)

    assert plan.pause.at == on_day(11)


def test_a_break_without_room_is_missed():
    shift = break_of()

    plan = itinerary.of_shift(shift, [ride(shift, 11, lasts=115)], ten_minutes)

    assert plan.misses_break
    assert StopKind.BREAK not in kinds(plan)


def test_nobody_takes_a_break_with_a_client_aboard():
    shift = break_of(from_=(9, 0), until=(10, 0))

    plan = itinerary.of_shift(shift, [ride(shift, 8, 50, lasts=90)], ten_minutes)

    assert plan.misses_break
