"""Bookings as the company promises them: its policy says how wide the windows are."""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Company, User
from atmr.clock import local_day
from bookings.models import Booking
from bookings.services import booking as bookings
from bookings.services import series, timing
from dispatch.models import Alert, AlertKind, Assignment
from dispatch.services import applying, assigning, policies
from dispatch.services.assigning import RideDoesNotFit, RideUnderWay

log = structlog.get_logger(__name__)
# How far ahead the bookings of a series are made.
SERIES_AHEAD = timedelta(days=28)


def accept_many(
    *, company: Company, booking_ids: Collection[int], actor: User | None, now: datetime
) -> set[int]:
    """Accept and promise the pending ones of these bookings; give the ids accepted."""
    policy = policies.policy_of(company)
    return bookings.accept_many(
        company=company,
        booking_ids=booking_ids,
        actor=actor,
        now=now,
        window_before_min=policy.window_before_min,
        window_after_min=policy.window_after_min,
    )


def book_series(*, company: Company, now: datetime) -> int:
    """Book and accept what the company's series ask for ahead; give how many were booked."""
    policy = policies.policy_of(company)
    done = series.materialise(
        company=company,
        until_day=local_day(now, company.tz) + SERIES_AHEAD,
        now=now,
        window_before_min=policy.window_before_min,
        window_after_min=policy.window_after_min,
    )
    for series_id, refusal in done.refused.items():
        log.warning("series refused", company_id=company.pk, series_id=series_id, code=refusal.code)
    return len(done.created)


@transaction.atomic
def change_time(
    *,
    booking: Booking,
    actor: User | None,
    now: datetime,
    requested_pickup_at: datetime | None = None,
    appointment_at: datetime | None = None,
) -> bool:
    """Move a booking to another time; say whether it keeps its driver.

    The same shift keeps it if it can still serve it. Else it waits for a driver again, with an
    alert. See `timing.change_time` for refusals.
    """
    policy = policies.policy_of(booking.company)
    held = Assignment.objects.live().filter(booking=booking).select_related("shift").first()
    if held is not None:
        applying.lock(company=booking.company, booking_ids=[booking.pk], shift_ids=[held.shift_id])
    timing.change_time(
        booking=booking,
        requested_pickup_at=requested_pickup_at,
        appointment_at=appointment_at,
        window_before_min=policy.window_before_min,
        window_after_min=policy.window_after_min,
        with_driver=True,
    )
    if held is None:
        return True
    try:
        with transaction.atomic():
            assigning.move(booking=booking, shift=held.shift, actor=actor, now=now)
    except (RideDoesNotFit, RideUnderWay) as refusal:
        assigning.take_back(booking=booking, actor=actor, now=now, reason=_("time changed"))
        Alert.objects.create(
            company=booking.company,
            kind=AlertKind.ASSIGNMENT_LOST,
            booking=booking,
            shift=held.shift,
            details={"code": refusal.code},
            raised_at=now,
        )
        return False
    return True


def confirm_will_call(*, booking: Booking, at: datetime) -> None:
    """Confirm when a will-call is ready; see `timing.confirm_will_call` for refusals."""
    policy = policies.policy_of(booking.company)
    timing.confirm_will_call(
        booking=booking,
        at=at,
        window_before_min=policy.window_before_min,
        window_after_min=policy.window_after_min,
    )
