"""The figures of a plan as it is stored."""

from collections.abc import Sequence

from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.mapping.problem import MappedDay
from dispatch.mapping.rows import Proposal
from dispatch.mapping.vehicles import work_of
from dispatch.metrics.figures import Duty, Figures, Point, Ride, compute
from dispatch.models import Assignment
from fleet.models import DriverKind, Place, Shift


def of_plan(mapped: MappedDay, proposed: Sequence[Proposal]) -> Figures:
    """Give the figures of a day as a plan leaves it, what is completed included; reads nothing.

    It speaks of all shifts that reach into the day, and says nothing of who was on time.
    """
    done = [
        _ride(booking, row)
        for rides in work_of(mapped.day).values()
        for booking, row in rides
        if booking.status == BookingStatus.COMPLETED
    ]
    planned = [_ride(mapped.bookings[each.number], each.row) for each in proposed]
    return compute(
        bookings=len(mapped.bookings) + len(mapped.unplannable) + len(done),
        assigned=len(planned) + len(done),
        late=[],
        rides=done + planned,
        duties=[_duty(shift) for shift in mapped.shifts],
    )


def _ride(booking: Booking, row: Assignment) -> Ride:
    return Ride(
        booking=booking.pk,
        shift=row.shift_id,
        pool=row.pool,
        pickup=_point(booking.pickup_place),
        delivery=_point(booking.delivery_place),
        pickup_at=row.pickup_at,
        delivery_at=row.delivery_at,
        ends_at=row.ends_at,
        actual_pickup_at=booking.actual_pickup_at,
        actual_delivery_at=booking.actual_delivery_at,
    )


def _duty(shift: Shift) -> Duty:
    return Duty(
        shift=shift.pk,
        driver=shift.driver_id,
        is_reserve=shift.driver.kind == DriverKind.RESERVE,
        start=_point(shift.start_place),
        end=_point(shift.end_place),
    )


def _point(place: Place) -> Point:
    return Point(place.lat, place.lon)
