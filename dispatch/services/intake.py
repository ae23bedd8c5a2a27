"""Bookings as the company promises them: its policy says how wide the windows are."""

from collections.abc import Collection
from datetime import datetime

from accounts.models import Company, User
from bookings.models import Booking
from bookings.services import booking as bookings
from bookings.services import timing
from dispatch.services import policies


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


def confirm_will_call(*, booking: Booking, at: datetime) -> None:
    """Confirm when a will-call is ready; see `timing.confirm_will_call` for refusals."""
    policy = policies.policy_of(booking.company)
    timing.confirm_will_call(
        booking=booking,
        at=at,
        window_before_min=policy.window_before_min,
        window_after_min=policy.window_after_min,
    )
