"""The one feasibility rule, for a plan that an undo makes by hand."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bookings.states import BookingStatus
from dispatch.darp.schedule import evaluate
from dispatch.mapping.day import UNDER_WAY, Day
from dispatch.mapping.problem import build
from dispatch.mapping.rows import signed_routes
from dispatch.models import Lock
from dispatch.services.changes import Change
from dispatch.travel import GreatCircle


@dataclass(frozen=True)
class Fault:
    """A rule that the rows of a day break, by ids: two days can be compared."""

    rule: str
    shift: int | None
    booking: int | None
    other: int | None


def with_changes(day: Day, changes: Sequence[Change]) -> Day:
    """Give the day as it would be after the changes."""
    wanted = {change.booking_id: change.row for change in changes}
    bookings = []
    for booking in day.bookings:
        changed = booking
        if booking.pk in wanted:
            row = wanted[booking.pk]
            changed = copy.copy(booking)
            changed.current = row  # type: ignore[attr-defined]
            changed.status = BookingStatus.ASSIGNED if row else BookingStatus.ACCEPTED
        bookings.append(changed)
    return replace(day, bookings=bookings)


def added_faults(day: Day, changes: Sequence[Change]) -> list[Fault]:
    """Say what the changes would break, with every ride at the times of its row.

    What is broken before them, and no worse after, is not held against the changes.
    """
    before, after = _faults(day), _faults(with_changes(day, changes))
    return [fault for fault, amount in after.items() if amount > before.get(fault, 0)]


def _faults(day: Day) -> dict[Fault, int]:
    mapped = build(times_kept(day), GreatCircle())
    found: dict[Fault, int] = {}
    bookings = [booking.pk for booking in mapped.bookings]
    for broken in evaluate(mapped.problem, signed_routes(mapped)).violations:
        fault = Fault(
            broken.rule.name,
            mapped.shifts[broken.vehicle].pk if broken.vehicle >= 0 else None,
            bookings[broken.request] if broken.request >= 0 else None,
            bookings[broken.other] if broken.other >= 0 else None,
        )
        found[fault] = max(broken.amount, found.get(fault, 0))
    return found


def times_kept(day: Day) -> Day:
    """Bind every ride to the times of its row: rows that are restored come with their times."""
    bookings = []
    for booking in day.bookings:
        current, kept = day.current(booking), booking
        if current is not None and booking.status not in UNDER_WAY:
            kept = copy.copy(booking)
            kept.current = copy.copy(current)  # type: ignore[attr-defined]
            kept.current.lock = Lock.TIMES  # type: ignore[attr-defined]
        bookings.append(kept)
    return replace(day, bookings=bookings)
