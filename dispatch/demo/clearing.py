"""Taking an invented day away again, and nothing else.

A booking was invented when its reference says so, and with it go its return, its series, its
client and the homes that nobody else uses. The shifts are those of the seed's own drivers, the
absences those whose note says so; a run goes when nothing that stays refers to it.
"""

from datetime import date, datetime

import pgtrigger
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from atmr import clock
from atmr.errors import DomainError
from bookings.models import Booking, BookingSeries, Client
from bookings.services import moves
from bookings.states import BookingStatus
from dispatch.demo.staff import drivers_by_number
from dispatch.models import Alert, Assignment, AssignmentStatus, DispatchRun, Unassigned
from fleet.models import Absence, Place, PlaceKind, Shift

NOTE = "[démo]"


class DayBeingPlanned(DomainError):
    message = _("This day is being planned. Try again when the run has ended.")


class DayUnderWay(DomainError):
    message = _("Drivers of the demonstration carry other bookings on this day: %(references)s.")


def prefix_of(day: date) -> str:
    """Give what the references of a day's invented bookings start with.

    References that the program gives have no hyphen, so the two never meet.
    """
    return f"DEMO-{day:%y%m%d}-"


def clear_day(*, company: Company, day: date, now: datetime) -> int:
    """Delete what the seed made for `day`; give the number of bookings. Inside a transaction.

    :raises DayBeingPlanned: a run would find its rows gone.
    :raises DayUnderWay: an invented driver is carrying, or has carried, somebody else's booking.
    """
    _refuse_runs(company, day)
    prefix = prefix_of(day)
    bookings = Booking.objects.for_company(company).filter(
        Q(reference__startswith=prefix) | Q(outbound__reference__startswith=prefix)
    )
    start, end = clock.day_bounds(day, company.tz)
    invented = drivers_by_number(company).values()
    shifts = Shift.objects.for_company(company).filter(
        driver__in=invented, starts_at__gte=start, starts_at__lt=end
    )
    booking_ids = list(bookings.values_list("pk", flat=True))
    shift_ids = list(shifts.values_list("pk", flat=True))
    _free_others(company, booking_ids, shift_ids, now)
    _clear_plans(company, day, booking_ids, shift_ids)
    _clear_bookings(booking_ids)
    shifts.delete()
    Absence.objects.for_company(company).filter(
        driver__in=invented,
        note__startswith=NOTE,
        starts_at__gte=start,
        starts_at__lt=end,
    ).delete()
    return len(booking_ids)


def _refuse_runs(company: Company, day: date) -> None:
    # The lock of a run, which a process that died does not hold any more.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [company.pk, day.toordinal()])
        if not cursor.fetchone()[0]:
            raise DayBeingPlanned


def _free_others(
    company: Company, booking_ids: list[int], shift_ids: list[int], now: datetime
) -> None:
    """Take back what invented drivers were to carry for bookings that are not invented."""
    others = Booking.objects.for_company(company).exclude(pk__in=booking_ids)
    rides = Assignment.objects.filter(shift__in=shift_ids, booking=OuterRef("pk"))
    live = others.filter(Exists(rides.live()))
    moves.move_many(
        company=company,
        booking_ids=list(live.values_list("pk", flat=True)),
        to=BookingStatus.ACCEPTED,
        froms=[BookingStatus.ASSIGNED, BookingStatus.EN_ROUTE],
        actor=None,
        now=now,
        reason="The day of the demonstration was made anew.",
    )
    under_way = live.exclude(status=BookingStatus.ACCEPTED) | others.filter(
        Exists(rides.filter(status=AssignmentStatus.DONE))
    )
    if references := list(under_way.values_list("reference", flat=True)[:10]):
        raise DayUnderWay(references=", ".join(references))


def _clear_plans(company: Company, day: date, booking_ids: list[int], shift_ids: list[int]) -> None:
    runs = DispatchRun.objects.of_day(company, day)
    run_ids = list(runs.values_list("pk", flat=True))
    of_day = Q(booking__in=booking_ids) | Q(shift__in=shift_ids)
    Alert.objects.filter(of_day | Q(run__in=run_ids)).delete()
    Unassigned.objects.filter(Q(booking__in=booking_ids) | Q(run__in=run_ids)).delete()
    Assignment.objects.filter(of_day).delete()
    rides = Assignment.objects.filter(
        Q(dispatch_run=OuterRef("pk")) | Q(ended_by_run=OuterRef("pk"))
    )
    runs.filter(~Exists(rides)).delete()


def _clear_bookings(booking_ids: list[int]) -> None:
    bookings = Booking.objects.filter(pk__in=booking_ids)
    rows = list(
        bookings.values_list("client", "series", "pickup_place", "delivery_place", "client__home")
    )
    clients, series = {row[0] for row in rows}, {row[1] for row in rows}
    places = {place for row in rows for place in row[2:] if place}
    # Events are kept for ever, but these never happened.
    with pgtrigger.ignore("bookings.BookingEvent:append_only"):
        bookings.filter(outbound__isnull=False).delete()
        bookings.delete()
    BookingSeries.objects.filter(pk__in=series - {None}, bookings=None).delete()
    Client.objects.filter(pk__in=clients, bookings=None, series=None).delete()
    _unused(Place.objects.filter(pk__in=places, kind=PlaceKind.HOME)).delete()


def _unused(places: "QuerySet[Place]") -> "QuerySet[Place]":
    """Leave out the places that something refers to."""
    for model, *names in (
        (Booking, "pickup_place", "delivery_place"),
        (BookingSeries, "pickup_place", "delivery_place"),
        (Client, "home"),
        (Shift, "start_place", "end_place"),
    ):
        for name in names:
            places = places.filter(~Exists(model.objects.filter(**{name: OuterRef("pk")})))
    return places
