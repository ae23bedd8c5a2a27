"""What clients are told: a pickup is promised when a plan is announced, and moved by a person."""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from atmr.clock import day_bounds
from atmr.errors import DomainError
from bookings.models import Anchor, Booking
from bookings.states import BookingStatus
from dispatch.models import Assignment
from dispatch.services import applying, policies

# Nobody is told 08:37.
_STEP = timedelta(minutes=5)


class NoPromise(DomainError):
    message = _("Nothing is promised yet. Announce the plan of the day first.")


class PromiseTooLate(DomainError):
    message = _("The client is under way, or the ride is over: its promise stays as it was.")


@transaction.atomic
def announce(*, company: Company, day: date) -> int:
    """Promise a pickup to the bookings of a day that only had an appointment; say how many.

    The promise is the planned pickup with the company's margins, out to whole five minutes.
    Whoever has a promise keeps it.
    """
    starts_at, ends_at = day_bounds(day, company.tz)
    policy = policies.policy_of(company)
    before = timedelta(minutes=policy.window_before_min)
    after = timedelta(minutes=policy.window_after_min)
    rows = list(
        Assignment.objects.for_company(company)
        .live()
        .filter(
            booking__status=BookingStatus.ASSIGNED,
            booking__anchor=Anchor.ARRIVE_BY,
            booking__promised_from__isnull=True,
            booking__scheduled_at__gte=starts_at,
            booking__scheduled_at__lt=ends_at,
        )
        .select_related("booking")
        .select_for_update(of=("booking",))
        .order_by("booking_id")
    )
    for row in rows:
        row.booking.promised_from = _rounded(row.pickup_at - before, up=False)
        row.booking.promised_until = _rounded(row.pickup_at + after, up=True)
    Booking.objects.bulk_update([row.booking for row in rows], ["promised_from", "promised_until"])
    return len(rows)


@transaction.atomic
def move_promise(*, booking: Booking, promised_from: datetime) -> None:
    """Promise another time, with the same margin, before the driver is on the way.

    :raises NoPromise: the booking has no promise to move.
    :raises PromiseTooLate: the ride has begun or is over.
    """
    applying.lock(company=booking.company, booking_ids=[booking.pk], shift_ids=[])
    booking.refresh_from_db()
    if booking.promised_from is None or booking.promised_until is None:
        raise NoPromise
    if booking.status not in {BookingStatus.ACCEPTED, BookingStatus.ASSIGNED}:
        raise PromiseTooLate
    booking.promised_until = promised_from + (booking.promised_until - booking.promised_from)
    booking.promised_from = promised_from
    booking.save(update_fields=["promised_from", "promised_until"])


def _rounded(instant: datetime, *, up: bool) -> datetime:
    """Give the whole five minutes before an instant, or after it; offsets are whole ones too."""
    over = timedelta(seconds=instant.timestamp() % _STEP.total_seconds())
    if not over:
        return instant
    return instant - over + (_STEP if up else timedelta(0))
