"""A company's day, read in two statements."""

from datetime import date, datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    DateField,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    FilteredRelation,
    Func,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Cast, Coalesce, Extract, JSONObject

from accounts.models import Company
from atmr.clock import day_bounds
from bookings.models import Booking, BookingEvent, Client
from bookings.states import BookingStatus
from dispatch.mapping.day import Day
from dispatch.models import AssignmentStatus, DispatchPolicy
from fleet.models import DriverDocument, Position, Shift, VehicleLayout

# What a plan of the day speaks about; completed work says where a van is and how much it did.
_CONCERNED = [
    BookingStatus.ACCEPTED,
    BookingStatus.ASSIGNED,
    BookingStatus.EN_ROUTE,
    BookingStatus.ARRIVED,
    BookingStatus.ON_BOARD,
    BookingStatus.COMPLETED,
]
_A_DAY = timedelta(days=1)


def load_day(
    *,
    company: Company,
    day: date,
    now: datetime,
    policy: DispatchPolicy,
    around: tuple[Booking, Shift] | None = None,
) -> Day:
    """Read the bookings and shifts that planning a day decides about.

    `around` narrows it to one shift, what rides on it, and one booking with its other leg.
    """
    starts_at, ends_at = day_bounds(day, company.tz)
    all_shifts = shifts_of_day(company, starts_at, ends_at, policy)
    all_bookings = bookings_of_day(company, starts_at, ends_at)
    if around is not None:
        booking, shift = around
        all_shifts = all_shifts.filter(pk=shift.pk)
        all_bookings = all_bookings.filter(
            Q(current__shift=shift) | Q(pk=booking.pk) | Q(pk=booking.outbound_id)
        )
    shifts = list(all_shifts)
    bookings = list(all_bookings)
    for booking in bookings:
        # Django leaves the attribute out where the join found no row.
        booking.current = getattr(booking, "current", None)  # type: ignore[attr-defined]
    return Day(
        company=company,
        origin=starts_at,
        until=ends_at,
        now=now,
        policy=policy,
        bookings=bookings,
        shifts=shifts,
    )


def dispatchable(company: Company, starts_at: datetime, ends_at: datetime) -> QuerySet[Booking]:
    """The bookings of a day that wait for a driver."""
    return Booking.objects.for_company(company).filter(
        status=BookingStatus.ACCEPTED,
        time_confirmed=True,
        scheduled_at__gte=starts_at,
        scheduled_at__lt=ends_at,
    )


def bookings_of_day(company: Company, starts_at: datetime, ends_at: datetime) -> QuerySet[Booking]:
    """Bookings of the day, and those of its neighbours that ride on a shift reaching into it."""
    of_day = Q(scheduled_at__gte=starts_at, scheduled_at__lt=ends_at)
    on_shift_of_day = Q(
        current__shift__starts_at__lt=ends_at, current__shift__ends_at__gt=starts_at
    )
    # When the driver said that he was on the way, or there.
    reported = BookingEvent.objects.filter(
        booking=OuterRef("pk"),
        to_status=OuterRef("status"),
        to_status__in=[BookingStatus.EN_ROUTE, BookingStatus.ARRIVED],
    ).order_by("-id")
    preferred = Client.preferred_drivers.through.objects.filter(client_id=OuterRef("client_id"))
    refused = Client.refused_drivers.through.objects.filter(client_id=OuterRef("client_id"))
    return (
        Booking.objects.for_company(company)
        .filter(
            status__in=_CONCERNED,
            time_confirmed=True,
            scheduled_at__gte=starts_at - _A_DAY,
            scheduled_at__lt=ends_at + _A_DAY,
        )
        .annotate(
            current=FilteredRelation(
                "assignments",
                condition=Q(assignments__status__in=[AssignmentStatus.LIVE, AssignmentStatus.DONE]),
            ),
            outbound_status=F("outbound__status"),
            reported_at=Subquery(reported.values("happened_at")[:1]),
            preferred_ids=ArraySubquery(preferred.values("driver_id")),
            refused_ids=ArraySubquery(refused.values("driver_id")),
        )
        .filter(of_day | on_shift_of_day)
        .select_related("client", "pickup_place", "delivery_place", "current")  # type: ignore[misc]
        .order_by("scheduled_at", "id")
    )


def shifts_of_day(
    company: Company, starts_at: datetime, ends_at: datetime, policy: DispatchPolicy
) -> QuerySet[Shift]:
    """The shifts that reach into the day, with all that planning asks about them."""
    layouts = (
        VehicleLayout.objects.filter(vehicle_id=OuterRef("vehicle_id"))
        .order_by("id")
        .values(
            json=JSONObject(
                id="id",
                seats="seats",
                wheelchairs="wheelchairs",
                stretchers="stretchers",
                seat_in_wheelchair_place="seat_in_wheelchair_place",
            )
        )
    )
    position = (
        Position.objects.filter(shift_id=OuterRef("pk"))
        .order_by("-at")
        .values(json=JSONObject(lat="lat", lon="lon", at=Extract("at", "epoch")))[:1]
    )
    local_start = Func(
        OuterRef("company__time_zone"),
        OuterRef("starts_at"),
        function="timezone",
        output_field=DateTimeField(),
    )
    expired = DriverDocument.objects.filter(
        driver_id=OuterRef("driver_id"), expires_day__lt=Cast(local_start, DateField())
    )
    since = starts_at - timedelta(days=policy.fairness_days)
    return (
        Shift.objects.for_company(company)
        .planned()
        .reaching_into(starts_at, ends_at)
        .with_people()
        .annotate(
            layouts=ArraySubquery(layouts),
            last_position=ArraySubquery(position),
            has_expired_document=Exists(expired),
            past_duty_s=ArraySubquery(_past_duty(since, starts_at)),
            past_paid_s=ArraySubquery(_past_paid(since, starts_at)),
        )
        .order_by("starts_at", "id")
    )


def _past_duty(since: datetime, until: datetime) -> QuerySet:
    """Seconds on duty of the outer shift's driver, for each shift of the days before."""
    length = ExpressionWrapper(F("ends_at") - F("starts_at"), output_field=DurationField())
    return _past_shifts(since, until).values(seconds=Extract(length, "epoch"))


def _past_paid(since: datetime, until: datetime) -> QuerySet:
    """Seconds paid, for each shift: from its first pickup to the end of its last ride.

    Actual times where they were reported, else the planned ones.
    """
    ridden = Q(assignments__status__in=[AssignmentStatus.LIVE, AssignmentStatus.DONE])
    first = Coalesce("assignments__booking__actual_pickup_at", "assignments__pickup_at")
    last = Coalesce("assignments__booking__actual_delivery_at", "assignments__ends_at")
    span = ExpressionWrapper(
        Max(last, filter=ridden) - Min(first, filter=ridden), output_field=DurationField()
    )
    return (
        _past_shifts(since, until)
        .values("pk")
        .annotate(seconds=Extract(span, "epoch"))
        .filter(seconds__isnull=False)
        .values("seconds")
    )


def _past_shifts(since: datetime, until: datetime) -> QuerySet[Shift]:
    """What is over when the day begins: a night shift that reaches into it is planned with it."""
    return (
        Shift.objects.planned()
        .filter(driver_id=OuterRef("driver_id"), starts_at__gte=since, ends_at__lte=until)
        .order_by()
    )
