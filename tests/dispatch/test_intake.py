"""Bookings as the company promises them, and what another time means for a ride."""

from datetime import timedelta

import pytest

from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch import tasks
from dispatch.models import Alert, AlertKind
from dispatch.services import assigning, intake
from tests.dispatch.days import Line, live, policy
from tests.factories import DAY, BookingSeriesFactory, CompanyFactory, on_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def assigned(line: Line, hour: int):
    booking = line.booking(1, 3, hour)
    assigning.assign(booking=booking, shift=line.shift(), actor=None, now=on_day(0))
    return booking


def test_accepting_promises_the_companys_window(line):
    policy(line.company, window_before_min=3, window_after_min=7)
    booking = line.booking(1, 3, 9, status=BookingStatus.PENDING)

    accepted = intake.accept_many(
        company=line.company, booking_ids=[booking.pk], actor=None, now=on_day(0)
    )

    booking.refresh_from_db()
    assert accepted == {booking.pk}
    assert (booking.promised_from, booking.promised_until) == (on_day(8, 57), on_day(9, 7))


def test_another_time_keeps_the_driver_who_can_still_serve_it(line):
    booking = assigned(line, 9)
    shift = live(booking).shift

    kept = intake.change_time(
        booking=booking, actor=None, now=on_day(0), requested_pickup_at=on_day(11)
    )

    assert kept
    assert live(booking).shift == shift
    assert on_day(10, 55) <= live(booking).pickup_at <= on_day(11, 10)
    assert not Alert.objects.exists()


def test_another_time_that_the_driver_cannot_serve_takes_the_ride_back_with_an_alert(line):
    booking = assigned(line, 9)

    kept = intake.change_time(
        booking=booking, actor=None, now=on_day(0), requested_pickup_at=on_day(20)
    )

    booking.refresh_from_db()
    assert not kept
    assert (live(booking), booking.status) == (None, BookingStatus.ACCEPTED)
    assert booking.requested_pickup_at == on_day(20)
    alert = Alert.objects.get()
    assert (alert.kind, alert.booking) == (AlertKind.ASSIGNMENT_LOST, booking)


def test_another_day_takes_the_ride_back(line):
    booking = assigned(line, 9)
    tomorrow = on_day(9) + timedelta(days=1)

    assert not intake.change_time(
        booking=booking, actor=None, now=on_day(0), requested_pickup_at=tomorrow
    )

    assert live(booking) is None


def test_another_time_of_a_booking_without_driver_is_just_another_time(line):
    booking = line.booking(1, 3, 9)

    assert intake.change_time(
        booking=booking, actor=None, now=on_day(0), requested_pickup_at=on_day(10)
    )

    booking.refresh_from_db()
    assert booking.promised_from == on_day(9, 55)


def test_the_nightly_task_books_the_series_ahead_once(line, time_machine):
    time_machine.move_to(on_day(2))
    BookingSeriesFactory(company=line.company, rule="FREQ=DAILY", starts_day=DAY)

    booked = [tasks.book_series(), tasks.book_series()]

    assert booked[0] > 20
    assert booked[1] == 0
    assert Booking.objects.filter(status=BookingStatus.ACCEPTED).count() == booked[0]
