"""Who is late now, whom that touches and who has too much to do: redone by hand on a line.

A step of the line takes 332 seconds to drive, two take 600; boarding and alighting five minutes
each. A ride of one step that boards at 0 is at its delivery at 632 s and free again at 932 s.
"""

from datetime import timedelta

import pytest
import time_machine

from bookings.states import BookingStatus
from dispatch import tasks
from dispatch.models import Alert, AlertKind
from dispatch.services import assigning, delays, progress
from dispatch.services.delays import Limit
from tests.dispatch.days import Line, policy
from tests.factories import (
    DAY,
    AssignmentFactory,
    CompanyFactory,
    PositionFactory,
    ShiftFactory,
    on_day,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def ride(line, shift, start, end, hour, minute=0, **fields):
    """A ride that is planned to board at a time and to take ten minutes and a half."""
    booking = line.booking(start, end, hour, minute, status="assigned", **fields)
    pickup_at = on_day(hour, minute)
    delivery_at = pickup_at + timedelta(seconds=632)
    AssignmentFactory(
        booking=booking,
        shift=shift,
        pickup_at=pickup_at,
        delivery_at=delivery_at,
        ends_at=delivery_at + timedelta(minutes=5),
    )
    return booking


def report(booking, to, hour, minute):
    at = on_day(hour, minute)
    progress.report(booking=booking, to=BookingStatus(to), actor=None, now=at, at=at)


def look(line, hour, minute=0):
    return delays.delays_of(company=line.company, day=DAY, now=on_day(hour, minute))


def found(line, hour, minute=0):
    return {
        each.booking: (each.predicted_at, each.is_late, each.after)
        for each in look(line, hour, minute).delays
    }


def seconds(hour, minute, second):
    return on_day(hour, minute) + timedelta(seconds=second)


def test_who_is_in_time_has_no_delay(line):
    ride(line, line.shift(), 1, 2, 9)

    assert look(line, 8).delays == []
    assert look(line, 8, 54).delays == []


def test_who_has_not_left_comes_as_late_as_the_drive_takes_from_now(line):
    shift = line.shift()
    booking = ride(line, shift, 1, 2, 9)

    (delay,) = look(line, 9, 20).delays

    assert (delay.booking, delay.shift, delay.driver) == (booking.pk, shift.pk, shift.driver_id)
    assert delay.planned_at == on_day(9)
    assert delay.predicted_at == seconds(9, 20, 332)
    assert delay.delay_min == 25
    # Promised until 09:10, and late from five minutes after that.
    assert delay.over == timedelta(minutes=10, seconds=332)
    assert delay.is_late


@pytest.mark.parametrize(("now", "late"), [(9, False), (10, True)])
def test_late_begins_so_long_after_the_promise(line, now, late):
    """Here at 09:09 and 332 seconds, 4:32 over the promise; a minute later it is 5:32."""
    ride(line, line.shift(), 1, 2, 9)

    (delay,) = look(line, 9, now).delays

    assert delay.is_late is late


def test_a_delay_runs_on_until_a_wait_takes_it_up(line):
    """Boards at 9:25:32, free at 2 at 9:41:04: the ride of 9:40 waits 64 seconds, and ends at
    9:56:36 at 3, whence the ride of 10:30 begins as planned."""
    shift = line.shift()
    first = ride(line, shift, 1, 2, 9)
    second = ride(line, shift, 2, 3, 9, 40)
    ride(line, shift, 3, 4, 10, 30)

    seen = look(line, 9, 20)

    assert [(each.booking, each.after) for each in seen.delays] == [
        (first.pk, None),
        (second.pk, first.pk),
    ]
    assert seen.delays[1].predicted_at == seconds(9, 41, 4)
    assert [each.booking for each in seen.late] == [first.pk]
    assert [each.booking for each in seen.touched_by(first.pk)] == [second.pk]


def test_a_driver_of_whom_nothing_was_heard_is_told_of_once(line):
    shift = line.shift()
    rides = [ride(line, shift, 1, 2, 9, minute) for minute in (0, 16, 32)]

    silent = look(line, 9, 40)
    delays.watch(company=line.company, now=on_day(9, 40))

    assert [d.booking for d in silent.late] == [rides[0].pk]
    assert not silent.late[0].is_heard
    assert len(silent.touched_by(rides[0].pk)) == 2
    assert [alert.booking_id for alert in Alert.objects.all()] == [rides[0].pk]


def test_a_driver_who_is_heard_of_is_late_for_each_ride(line):
    shift = line.shift()
    rides = [ride(line, shift, 1, 2, 9, minute) for minute in (0, 16, 32)]
    report(rides[0], "en_route", 9, 35)

    late = look(line, 9, 40).late

    assert [d.booking for d in late] == [booking.pk for booking in rides]
    assert all(d.is_heard for d in late)


def test_a_position_is_a_word_from_the_driver(line):
    shift = line.shift()
    rides = [ride(line, shift, 1, 2, 9, minute) for minute in (0, 16)]
    PositionFactory(shift=shift, at=on_day(9, 35), lat=line[0].lat, lon=line[0].lon)

    assert [d.booking for d in look(line, 9, 40).late] == [booking.pk for booking in rides]


def test_another_shift_is_not_touched(line):
    ride(line, line.shift(), 1, 2, 9)
    other = ride(line, line.shift(0), 1, 2, 9, 40)

    assert other.pk not in found(line, 9, 20)


def test_a_driver_on_his_way_has_left_when_he_said(line):
    shift = line.shift()
    booking = ride(line, shift, 1, 2, 9)
    report(booking, "en_route", 9, 0)

    # He left at 9:00 and is there at 9:05:32, whatever the time is until then.
    assert found(line, 9, 2) == {booking.pk: (seconds(9, 0, 332), False, None)}
    # Then he is on his way still, and not there in the past.
    assert found(line, 9, 30)[booking.pk][:2] == (on_day(9, 30), True)


def test_a_position_says_from_where_the_drive_is(line):
    shift = line.shift()
    booking = ride(line, shift, 1, 2, 9)
    PositionFactory(shift=shift, at=on_day(9, 20), lat=line[1].lat, lon=line[1].lon)

    assert found(line, 9, 20)[booking.pk][0] == on_day(9, 20)


def test_who_is_on_board_is_served_and_makes_the_next_one_wait(line):
    shift = line.shift()
    first, second = ride(line, shift, 1, 2, 9), ride(line, shift, 2, 3, 9, 20)
    for to, minute in (("en_route", 0), ("arrived", 10), ("on_board", 30)):
        report(first, to, 9, minute)

    seen = found(line, 9, 30)

    # Left 1 at 9:30, at 2 at 9:35:32 where 9:10:32 was planned, free at 9:40:32.
    assert seen == {
        first.pk: (seconds(9, 30, 332), False, None),
        second.pk: (seconds(9, 35, 332), True, first.pk),
    }


def test_an_appointment_is_missed_at_the_delivery(line):
    """Planned to alight from 9:10:32 to 9:15:32, at the appointment of 9:20. Leaving at 9:06 the
    van boards at 9:11:32 and is done at 9:27:04, seven minutes late; at 9:03, four."""
    booking = ride(line, line.shift(), 1, 2, 9, arrive_by=True, appointment_at=on_day(9, 20))

    (delay,) = look(line, 9, 6).delays

    assert delay.booking == booking.pk
    assert delay.predicted_at == seconds(9, 11, 32 + 632)
    assert delay.over == timedelta(minutes=7, seconds=4)
    assert delay.is_late
    assert not look(line, 9, 3).delays[0].is_late


def test_what_is_done_cancelled_or_without_a_driver_is_no_delay(line):
    shift = line.shift()
    done, gone = ride(line, shift, 1, 2, 8), ride(line, shift, 1, 2, 9)
    line.booking(1, 2, 9)
    for minute, to in enumerate(("en_route", "arrived", "on_board", "completed")):
        report(done, to, 8, minute)
    progress.cancel(booking=gone, actor=None, now=on_day(8, 30), reason="feels better")

    assert look(line, 10).delays == []


def test_a_day_that_is_over_or_to_come_is_not_read(line, django_assert_num_queries):
    ride(line, line.shift(), 1, 2, 9)

    with django_assert_num_queries(0):
        for other in (DAY - timedelta(days=1), DAY + timedelta(days=1)):
            seen = delays.delays_of(company=line.company, day=other, now=on_day(9, 20))
            assert seen == delays.Delays()


def test_another_company_is_not_looked_at(line):
    ride(line, line.shift(), 1, 2, 9)

    assert delays.delays_of(company=CompanyFactory(), day=DAY, now=on_day(9, 20)).delays == []


# --- Overloaded drivers -------------------------------------------------------------------------


def overloads(line, hour, minute=0):
    return [(each.driver, each.limit, each.amount) for each in look(line, hour, minute).overloads]


def test_a_driver_who_comes_back_after_his_shift_has_too_much(line):
    """Free at 2 at 9:41:04, back at 0 after another 600 seconds, at 9:51:04."""
    shift = line.shift(ends_at=on_day(9, 50))
    ride(line, shift, 1, 2, 9)

    assert overloads(line, 8) == []
    assert overloads(line, 9, 20) == [(shift.driver_id, Limit.SHIFT, 64)]


def test_a_driver_who_works_longer_than_he_may_has_too_much(line):
    """He leaves at 8:54:28; the second ride boards at 10:30 and ends at 10:45:32, and he is back at
    0 after another 600 seconds, at 10:55:32. That is 2:01:04 of work."""
    shift = line.shift()
    shift.driver.max_work_min_per_day = 121
    shift.driver.save()
    ride(line, shift, 1, 2, 9)
    ride(line, shift, 1, 2, 10, 30)

    assert overloads(line, 8) == [(shift.driver_id, Limit.WORK, 4)]


def test_a_break_that_no_wait_leaves_room_for_is_too_much(line):
    """Free at 8:15:32 and due at 8:45: a break of 25 minutes between half past eight and nine does
    not fit, one that may begin at 8:16 does."""
    fits = {"break_min": 20, "break_from_at": on_day(8, 15), "break_until_at": on_day(9)}
    shift = line.shift(**fits)
    ride(line, shift, 1, 2, 8)
    ride(line, shift, 2, 3, 8, 45)
    assert overloads(line, 7, 30) == []

    shift.break_min = 25
    shift.break_from_at = on_day(8, 30)
    shift.save()

    assert overloads(line, 7, 30) == [(shift.driver_id, Limit.BREAK, 1500)]


def test_more_bookings_than_the_limit_are_too_many_over_all_shifts(line):
    morning = line.shift(ends_at=on_day(12))
    evening = ShiftFactory(driver=morning.driver, starts_at=on_day(13), ends_at=on_day(18))
    for shift, hour in ((morning, 8), (morning, 10), (evening, 14)):
        ride(line, shift, 1, 2, hour)
    policy(line.company, max_bookings_per_driver=2)

    assert (morning.driver_id, Limit.BOOKINGS, 1) in overloads(line, 7, 30)


# --- Statements, and the alerts of the timetable -------------------------------------------------


@pytest.mark.parametrize("rides", [2, 20])
def test_delay_check_costs_three_statements(line, rides, django_assert_num_queries):
    policy(line.company)
    for number in range(rides):
        ride(line, line.shift(number % 7), 1, 2, 9)
    line.company.refresh_from_db()

    with django_assert_num_queries(3):  # policy, shifts, bookings
        seen = look(line, 9, 20)

    assert len(seen.delays) == rides


def test_a_late_ride_is_alerted_once_even_after_somebody_has_seen_to_it(line):
    shift = line.shift()
    booking = ride(line, shift, 1, 2, 9)
    with time_machine.travel(on_day(9, 20), tick=False):
        assert tasks.watch_delays() == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.booking, alert.shift) == (AlertKind.LATE, booking, shift)
    assert alert.details["min"] == 25

    Alert.objects.update(resolved_at=on_day(9, 22))
    with time_machine.travel(on_day(9, 25), tick=False):
        tasks.watch_delays()

    assert Alert.objects.count() == 1


def test_a_ride_that_another_driver_is_late_for_is_alerted_again(line):
    booking = ride(line, line.shift(), 1, 2, 12)
    delays.watch(company=line.company, now=on_day(12, 20))
    other = line.shift()
    Alert.objects.update(resolved_at=on_day(12, 21))
    assigning.take_back(booking=booking, actor=None, now=on_day(12, 21), reason="flat tyre")
    AssignmentFactory(booking=booking, shift=other, pickup_at=on_day(12, 21))
    booking.refresh_from_db()
    type(booking).objects.filter(pk=booking.pk).update(status="assigned")

    delays.watch(company=line.company, now=on_day(12, 40))

    assert set(Alert.objects.values_list("shift", flat=True)) > {other.pk}


@pytest.mark.parametrize("rides", [2, 20])
def test_watching_costs_the_same_statements(line, rides, django_assert_num_queries):
    policy(line.company)
    for number in range(rides):
        ride(line, line.shift(number % 7), 1, 2, 9)
    line.company.refresh_from_db()

    with django_assert_num_queries(4):  # policy, shifts, bookings, alerts
        assert delays.watch(company=line.company, now=on_day(9, 20)) == rides

    assert Alert.objects.count() == rides


def test_a_company_without_rides_is_not_watched(line):
    line.shift()

    with time_machine.travel(on_day(9, 20), tick=False):
        assert tasks.watch_delays() == 0
