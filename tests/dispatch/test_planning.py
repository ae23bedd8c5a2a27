"""Planning a day, from rows to rows."""

import pytest

from bookings.states import BookingStatus
from dispatch.models import Assignment, AssignmentStatus, RunState
from dispatch.services import planning
from tests.factories import DAY, BookingFactory, CompanyFactory, ShiftFactory, on_day

pytestmark = pytest.mark.django_db


def test_one_booking_and_one_driver_become_one_live_assignment():
    company = CompanyFactory()
    booking = BookingFactory(company=company)
    shift = ShiftFactory(company=company)

    summary = planning.plan_day(company=company, day=DAY, now=on_day(0), apply=True, iterations=10)

    assert (summary.state, summary.bookings, summary.assigned) == (RunState.APPLIED, 1, 1)
    row = Assignment.objects.get()
    assert (row.booking, row.shift, row.status) == (booking, shift, AssignmentStatus.LIVE)
    assert on_day(8, 55) <= row.pickup_at <= on_day(9, 10)
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ASSIGNED
