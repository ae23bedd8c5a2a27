"""The one door through which a booking changes its state, one by one or many in one statement."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from atmr.errors import DomainError
from bookings.models import Booking
from bookings.signals import announce
from bookings.states import (
    CORRECTIONS,
    NEEDS_REASON,
    REPORT_BEFORE,
    REPORTED,
    BookingStatus,
    Correction,
    IllegalMove,
    check_move,
    sources,
)

# The actor and the reason travel inside the statement that moves the rows, and the trigger that
# records the moves empties the setting at its end: they can answer for no other move. Rows are
# locked in the order of their ids, or two sets that overlap could wait for each other for ever.
_MOVE = """
WITH said AS MATERIALIZED (SELECT set_config('atmr.move', %(move)s, true)),
chosen AS MATERIALIZED (
    SELECT b.id FROM bookings_booking b
    WHERE b.company_id = %(company)s AND b.id = ANY(%(ids)s) AND b.status = ANY(%(froms)s)
        AND (b.time_confirmed OR %(to)s <> 'assigned')
        AND COALESCE(%(at)s >= (
            SELECT e.happened_at FROM bookings_bookingevent e
            WHERE e.booking_id = b.id AND e.from_status = %(left)s AND e.to_status = %(reached)s
            ORDER BY e.id DESC LIMIT 1), true)
    ORDER BY b.id FOR NO KEY UPDATE
)
UPDATE bookings_booking b SET
    status = %(to)s,
    actual_pickup_at = CASE %(to)s
        WHEN 'on_board' THEN COALESCE(b.actual_pickup_at, %(at)s)
        WHEN 'arrived' THEN NULL ELSE b.actual_pickup_at END,
    actual_delivery_at = CASE %(to)s
        WHEN 'completed' THEN %(at)s
        WHEN 'on_board' THEN NULL ELSE b.actual_delivery_at END,
    promised_from = CASE %(to)s WHEN 'pending' THEN NULL ELSE b.promised_from END,
    promised_until = CASE %(to)s WHEN 'pending' THEN NULL ELSE b.promised_until END,
    cancel_reason = CASE %(to)s
        WHEN 'cancelled' THEN COALESCE(%(move)s::jsonb -> 'reasons' ->> b.id::text, %(reason)s)
        ELSE '' END
FROM chosen, said WHERE b.id = chosen.id
RETURNING b.id"""

# What a plan does to the states of a day, its two moves in one statement.
_HAND_OUT = """
WITH said AS MATERIALIZED (SELECT set_config('atmr.move', %(move)s, true)),
chosen AS MATERIALIZED (
    SELECT b.id FROM bookings_booking b
    WHERE b.company_id = %(company)s AND (
        (b.id = ANY(%(given)s) AND b.status = 'accepted' AND b.time_confirmed)
        OR (b.id = ANY(%(taken_back)s) AND b.status = 'assigned'))
    ORDER BY b.id FOR NO KEY UPDATE
)
UPDATE bookings_booking b SET
    status = CASE b.status WHEN 'accepted' THEN 'assigned' ELSE 'accepted' END
FROM chosen, said WHERE b.id = chosen.id
RETURNING b.id"""

REASON_LENGTH = 200


class ReasonMissing(DomainError):
    message = _("Say why.")


class ReasonTooLong(DomainError):
    message = _("Give the reason in at most %(limit)s characters.")


class TimeInFuture(DomainError):
    message = _("This has not happened yet: give a time that has passed.")


class TimesOutOfOrder(DomainError):
    message = _("This cannot have happened before what was reported last.")


class TimeUnconfirmed(DomainError):
    message = _("The client has not called yet: confirm the time of the return first.")


def move(
    *,
    booking: Booking,
    to: BookingStatus,
    actor: User | None,
    now: datetime,
    reason: str = "",
    at: datetime | None = None,
) -> None:
    """Move one booking along the diagram, and bring `booking` up to date.

    `at` is when it happened, for what is reported from the road; anything else happens `now`.

    :raises IllegalMove: the diagram has no such arrow from its present state.
    :raises TimeUnconfirmed: a will-call is given to no driver before its time is known.
    :raises TimeInFuture, TimesOutOfOrder: `at` is later than `now`, or before the last report.
    :raises ReasonMissing, ReasonTooLong: a rejection or a cancellation says why.
    """
    with transaction.atomic():
        moved = move_many(
            company=booking.company,
            booking_ids=[booking.pk],
            to=to,
            actor=actor,
            now=now,
            reason=reason,
            at=at,
        )
        booking.refresh_from_db()
        if not moved:
            check_move(BookingStatus(booking.status), to)
            raise TimesOutOfOrder if to in REPORTED else TimeUnconfirmed


def move_many(
    *,
    company: Company,
    booking_ids: Collection[int],
    to: BookingStatus,
    actor: User | None,
    now: datetime,
    reason: str = "",
    reasons: Mapping[int, str] | None = None,
    at: datetime | None = None,
    froms: Collection[BookingStatus] | None = None,
) -> set[int]:
    """Move, in one statement, the bookings whose state allows it now; give the ids moved.

    The others stay as they are: another company's, in another state, a time not confirmed, or
    reported before what came last. `froms` narrows the states to move from. `reasons` tells the
    reason of single bookings, `reason` that of all others.

    :raises IllegalMove: a state of `froms` has no arrow to `to`.
    :raises TimeInFuture: `at` is later than `now`.
    :raises ReasonMissing, ReasonTooLong: a rejection or a cancellation says why.
    """
    for state in froms or ():
        check_move(state, to)
    if at is not None and at > now:
        raise TimeInFuture
    given = {str(pk): text.strip() for pk, text in (reasons or {}).items()}
    common = _checked_reason(reason, required=to in NEEDS_REASON and len(given) < len(booking_ids))
    for text in given.values():
        _checked_reason(text, required=to in NEEDS_REASON)
    if not booking_ids:
        return set()
    return _write(
        company_id=company.pk,
        booking_ids=booking_ids,
        froms=sources(to) if froms is None else froms,
        to=to,
        at=at or now,
        actor=actor,
        reason=common,
        reasons=given,
    )


def hand_out(
    *,
    company: Company,
    given: Collection[int],
    taken_back: Collection[int],
    actor: User | None,
    now: datetime,
    reason: str,
) -> set[int]:
    """Move, in one statement, what a plan gives to drivers and what it takes back from them."""
    if not given and not taken_back:
        return set()
    said = {"actor": actor and actor.pk, "reason": reason, "at": now.isoformat()}
    parameters: dict[str, Any] = {
        "company": company.pk,
        "given": list(given),
        "taken_back": list(taken_back),
        "move": json.dumps(said),
    }
    with connection.cursor() as cursor:
        cursor.execute(_HAND_OUT, parameters)
        moved = {pk for (pk,) in cursor.fetchall()}
    announce(company.pk, moved)
    return moved


def correct(
    *, booking: Booking, correction: Correction, actor: User | None, now: datetime, reason: str
) -> None:
    """Take back a wrong button and the times that it wrote, and bring `booking` up to date.

    :raises IllegalMove: the booking is not in the state that is corrected.
    :raises ReasonMissing, ReasonTooLong: a correction says why.
    """
    wrong, right = CORRECTIONS[correction]
    why = _checked_reason(reason, required=True)
    with transaction.atomic():
        moved = _write(
            company_id=booking.company_id,
            booking_ids=[booking.pk],
            froms=[wrong],
            to=right,
            at=now,
            actor=actor,
            reason=why,
            reasons={},
        )
        booking.refresh_from_db()
        if not moved:
            status = BookingStatus(booking.status)
            raise IllegalMove(**{"from": status.label, "to": right.label})


def say(*, actor: User | None, reason: str = "", at: datetime) -> None:
    """Say who creates the bookings that the next statement of this transaction inserts."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Creating a booking needs a transaction.")
    with connection.cursor() as cursor:
        move = {"actor": actor and actor.pk, "reason": reason, "at": at.isoformat()}
        cursor.execute("SELECT set_config('atmr.move', %s, true)", [json.dumps(move)])


def _write(
    *,
    company_id: int,
    booking_ids: Collection[int],
    froms: Collection[BookingStatus],
    to: BookingStatus,
    at: datetime,
    actor: User | None,
    reason: str,
    reasons: Mapping[str, str],
) -> set[int]:
    left, reached = REPORT_BEFORE.get(to, ("", ""))
    said = {"actor": actor and actor.pk, "reason": reason, "reasons": reasons, "at": at.isoformat()}
    parameters: dict[str, Any] = {
        "company": company_id,
        "ids": list(booking_ids),
        "froms": [state.value for state in froms],
        "to": to.value,
        "at": at,
        "left": str(left),
        "reached": str(reached),
        "reason": reason,
        "move": json.dumps(said),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, parameters)
        moved = {pk for (pk,) in cursor.fetchall()}
    announce(company_id, moved)
    return moved


def _checked_reason(reason: str, *, required: bool) -> str:
    reason = reason.strip()
    if required and not reason:
        raise ReasonMissing
    if len(reason) > REASON_LENGTH:
        raise ReasonTooLong(limit=REASON_LENGTH)
    return reason
