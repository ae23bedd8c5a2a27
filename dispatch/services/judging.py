"""The one feasibility rule, for a plan that a person or an undo makes by hand."""

import copy
from collections.abc import Sequence
from dataclasses import replace

from bookings.states import BookingStatus
from dispatch.darp.check import check, excess
from dispatch.darp.committed import baseline, evaluate
from dispatch.darp.plan import Plan, Violation
from dispatch.mapping.day import Day
from dispatch.mapping.problem import MappedDay, build
from dispatch.mapping.rows import signed_routes
from dispatch.services.applying import Change
from dispatch.travel import GreatCircle


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


def judge(day: Day) -> tuple[MappedDay, Plan, list[Violation]]:
    """Schedule the current assignments as well as their order allows, and say what they break.

    What locked, frozen or executed work breaks by itself is not held against the rest.
    """
    mapped = build(day, GreatCircle())
    plan = evaluate(mapped.problem, signed_routes(mapped))
    inherited = check(mapped.problem, baseline(mapped.problem))
    return mapped, plan, excess(check(mapped.problem, plan), inherited)
