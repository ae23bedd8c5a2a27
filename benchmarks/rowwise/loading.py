"""A company's day, read relation by relation."""

from datetime import datetime, timedelta

from accounts.models import Company
from atmr.clock import day_bounds, local_day
from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.mapping.day import Day
from dispatch.models import Assignment, AssignmentStatus, DispatchPolicy, DispatchRun
from fleet.models import Driver, Position, Shift

CONCERNED = [
    BookingStatus.ACCEPTED,
    BookingStatus.ASSIGNED,
    BookingStatus.EN_ROUTE,
    BookingStatus.ARRIVED,
    BookingStatus.ON_BOARD,
    BookingStatus.COMPLETED,
]
REPORTED = [BookingStatus.EN_ROUTE, BookingStatus.ARRIVED]
RIDDEN = [AssignmentStatus.LIVE, AssignmentStatus.DONE]


def load_day(run: DispatchRun, policy: DispatchPolicy, now: datetime) -> Day:
    """Read the bookings and shifts of a run's day, each with what planning asks about it."""
    company = run.company
    starts_at, ends_at = day_bounds(run.day, company.tz)
    planned = Shift.objects.for_company(company).planned().reaching_into(starts_at, ends_at)
    shifts = list(planned.order_by("starts_at", "id"))
    for shift in shifts:
        _complete_shift(shift, company, starts_at, policy)
    bookings = _bookings(company, shifts, starts_at, ends_at)
    for booking in bookings:
        _complete_booking(booking)
    return Day(
        company=company,
        origin=starts_at,
        until=ends_at,
        now=now,
        policy=policy,
        bookings=bookings,
        shifts=shifts,
    )


def _bookings(
    company: Company, shifts: list[Shift], starts_at: datetime, ends_at: datetime
) -> list[Booking]:
    """Read the bookings of the day, and those of its neighbours that ride on one of its shifts."""
    confirmed = Booking.objects.for_company(company).filter(
        status__in=CONCERNED, time_confirmed=True
    )
    of_day = confirmed.filter(scheduled_at__gte=starts_at, scheduled_at__lt=ends_at)
    at_night = confirmed.filter(
        scheduled_at__gte=starts_at - timedelta(days=1),
        scheduled_at__lt=ends_at + timedelta(days=1),
        assignments__shift__in=shifts,
        assignments__status__in=RIDDEN,
    ).exclude(scheduled_at__gte=starts_at, scheduled_at__lt=ends_at)
    found = [*of_day, *at_night]
    return sorted(found, key=lambda booking: (booking.scheduled_at, booking.pk))


def latest_assignment(booking: Booking) -> Assignment | None:
    """Give the assignment that a booking has, or was completed with."""
    own = booking.assignments.filter(status__in=RIDDEN)
    return own.order_by("-created_at").first()


def _complete_booking(booking: Booking) -> None:
    """Read what planning asks about a booking; client and places come when they are touched."""
    client = booking.client
    booking.current = latest_assignment(booking)  # type: ignore[attr-defined]
    booking.outbound_status = booking.outbound and booking.outbound.status  # type: ignore[attr-defined]
    booking.preferred_ids = [d.pk for d in client.preferred_drivers.all()]  # type: ignore[attr-defined]
    booking.refused_ids = [d.pk for d in client.refused_drivers.all()]  # type: ignore[attr-defined]
    booking.reported_at = None  # type: ignore[attr-defined]
    if booking.status in REPORTED:
        said = booking.events.filter(to_status=booking.status).order_by("-id").first()
        booking.reported_at = said and said.happened_at  # type: ignore[attr-defined]


def _complete_shift(
    shift: Shift, company: Company, starts_at: datetime, policy: DispatchPolicy
) -> None:
    """Read what planning asks about a shift; its people and places come when they are touched."""
    day = local_day(shift.starts_at, company.tz)
    shift.layouts = [  # type: ignore[attr-defined]
        {
            "id": layout.pk,
            "seats": layout.seats,
            "wheelchairs": layout.wheelchairs,
            "stretchers": layout.stretchers,
            "seat_in_wheelchair_place": layout.seat_in_wheelchair_place,
        }
        for layout in shift.vehicle.layouts.order_by("id")
    ]
    seen = Position.objects.filter(shift=shift).order_by("-at").first()
    shift.last_position = (  # type: ignore[attr-defined]
        [{"lat": seen.lat, "lon": seen.lon, "at": seen.at.timestamp()}] if seen else []
    )
    expired = [d for d in shift.driver.documents.all() if not d.is_valid_on(day)]
    shift.has_expired_document = bool(expired)  # type: ignore[attr-defined]
    since = starts_at - timedelta(days=policy.fairness_days)
    duty, paid = _past(shift.driver, since, starts_at)
    shift.past_duty_s, shift.past_paid_s = duty, paid  # type: ignore[attr-defined]


def _past(driver: Driver, since: datetime, until: datetime) -> tuple[list[float], list[float]]:
    """Give the seconds on duty and paid of a driver's shifts of the days before, one by one."""
    duty, paid = [], []
    for shift in driver.shifts.planned().filter(starts_at__gte=since, ends_at__lte=until):
        duty.append((shift.ends_at - shift.starts_at).total_seconds())
        rides = list(shift.assignments.filter(status__in=RIDDEN))
        if rides:
            begun = min(ride.booking.actual_pickup_at or ride.pickup_at for ride in rides)
            over = max(ride.booking.actual_delivery_at or ride.ends_at for ride in rides)
            paid.append((over - begun).total_seconds())
    return duty, paid
