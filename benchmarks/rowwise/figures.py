"""The figures of a plan, read driver by driver and ride by ride once it is live."""

from benchmarks.rowwise.loading import RIDDEN
from bookings.states import BookingStatus
from dispatch.mapping.problem import MappedDay
from dispatch.metrics.figures import Duty, Figures, Point, Ride, compute
from dispatch.models import Assignment, DispatchRun
from fleet.models import DriverKind, Place


def of_day(run: DispatchRun, mapped: MappedDay) -> Figures:
    """Ask each shift for its rides, and each ride for its booking and places."""
    rides = [
        assignment
        for shift in mapped.shifts
        for assignment in shift.assignments.filter(status__in=RIDDEN)
    ]
    done = sum(ride.booking.status == BookingStatus.COMPLETED for ride in rides)
    return compute(
        bookings=run.bookings + done,
        assigned=len(rides),
        late=[],
        rides=[_ride(ride) for ride in rides],
        duties=[
            Duty(
                shift=shift.pk,
                driver=shift.driver_id,
                is_reserve=shift.driver.kind == DriverKind.RESERVE,
                start=_point(shift.start_place),
                end=_point(shift.end_place),
            )
            for shift in mapped.shifts
        ],
    )


def _ride(row: Assignment) -> Ride:
    return Ride(
        booking=row.booking_id,
        shift=row.shift_id,
        pool=row.pool,
        pickup=_point(row.booking.pickup_place),
        delivery=_point(row.booking.delivery_place),
        pickup_at=row.pickup_at,
        delivery_at=row.delivery_at,
        ends_at=row.ends_at,
        actual_pickup_at=row.booking.actual_pickup_at,
        actual_delivery_at=row.booking.actual_delivery_at,
    )


def _point(place: Place) -> Point:
    return Point(place.lat, place.lon)
