"""The rows of a period that figures are made from, in three statements."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery

from accounts.models import Company
from atmr.clock import day_bounds
from bookings.models import Booking, BookingEvent
from bookings.states import WITH_DRIVER, BookingStatus
from dispatch.metrics.figures import Duty, Figures, Point, Ride, compute, is_late, lateness
from dispatch.models import Assignment, AssignmentStatus, DispatchPolicy
from fleet.models import DriverKind, Shift

# Where a driver was at the client; what is corrected is no report any more.
_SERVED = (BookingStatus.ARRIVED, BookingStatus.ON_BOARD, BookingStatus.COMPLETED)
_ASSIGNED = WITH_DRIVER | {BookingStatus.COMPLETED}
# A ride is picked up on the shift's day, or on the next one when the shift reaches into it.
_LONGEST = timedelta(days=1)


def of_period(
    *, company: Company, first_day: date, last_day: date, policy: DispatchPolicy
) -> Figures:
    """Give the figures of a company's days, both included.

    Bookings count on the day of their time; routes and hours on the day on which their shift
    starts. Rides are those that are live or done.
    """
    starts_at, _ = day_bounds(first_day, company.tz)
    _, ends_at = day_bounds(last_day, company.tz)
    duties = list(_duties(company, starts_at, ends_at))
    assigned, late = 0, []
    bookings = list(_bookings(company, starts_at, ends_at))
    for booking in bookings:
        assigned += booking["status"] in _ASSIGNED
        late.append(_was_late(booking, policy))
    return compute(
        bookings=len(bookings),
        assigned=assigned,
        late=late,
        rides=list(_rides(company, starts_at, ends_at, [duty.shift for duty in duties])),
        duties=duties,
    )


def _bookings(company: Company, starts_at: datetime, ends_at: datetime) -> Iterator[dict[str, Any]]:
    arrived = BookingEvent.objects.filter(
        booking=OuterRef("pk"),
        from_status=BookingStatus.EN_ROUTE,
        to_status=BookingStatus.ARRIVED,
    ).order_by("-id")
    rows = (
        Booking.objects.for_company(company)
        .filter(
            status__in=_ASSIGNED | {BookingStatus.ACCEPTED},
            time_confirmed=True,
            scheduled_at__gte=starts_at,
            scheduled_at__lt=ends_at,
        )
        .annotate(arrived_at=Subquery(arrived.values("happened_at")[:1]))
        .values(
            *("status", "anchor", "scheduled_at", "promised_until"),
            *("arrived_at", "actual_pickup_at", "actual_delivery_at"),
        )
    )
    return iter(rows)


def _was_late(booking: dict[str, Any], policy: DispatchPolicy) -> bool | None:
    served_at = None
    if booking["status"] in _SERVED:
        served_at = booking["arrived_at"] or booking["actual_pickup_at"]
    over = lateness(
        anchor=booking["anchor"],
        scheduled_at=booking["scheduled_at"],
        promised_until=booking["promised_until"],
        served_at=served_at,
        delivered_at=booking["actual_delivery_at"],
        policy=policy,
    )
    return None if over is None else is_late(over, policy)


def _duties(company: Company, starts_at: datetime, ends_at: datetime) -> Iterator[Duty]:
    rows = (
        Shift.objects.for_company(company)
        .planned()
        .filter(starts_at__gte=starts_at, starts_at__lt=ends_at)
        .order_by("id")
        .values_list(
            *("pk", "driver_id", "driver__kind"),
            *("start_place__lat", "start_place__lon", "end_place__lat", "end_place__lon"),
        )
    )
    for pk, driver, kind, start_lat, start_lon, end_lat, end_lon in rows:
        start, end = Point(start_lat, start_lon), Point(end_lat, end_lon)
        yield Duty(pk, driver, kind == DriverKind.RESERVE, start, end)


def _rides(
    company: Company, starts_at: datetime, ends_at: datetime, shifts: Sequence[int]
) -> Iterator[Ride]:
    of_period = set(shifts)
    rows = (
        Assignment.objects.for_company(company)
        .filter(
            status__in=[AssignmentStatus.LIVE, AssignmentStatus.DONE],
            pickup_at__gte=starts_at,
            pickup_at__lt=ends_at + _LONGEST,
        )
        .order_by("pickup_at", "id")
        .values_list(
            *("booking_id", "shift_id", "pool"),
            *("booking__pickup_place__lat", "booking__pickup_place__lon"),
            *("booking__delivery_place__lat", "booking__delivery_place__lon"),
            *("pickup_at", "delivery_at", "ends_at"),
            *("booking__actual_pickup_at", "booking__actual_delivery_at"),
        )
    )
    for booking, shift, pool, lat, lon, to_lat, to_lon, *times in rows:
        if shift in of_period:
            yield Ride(booking, shift, pool, Point(lat, lon), Point(to_lat, to_lon), *times)
