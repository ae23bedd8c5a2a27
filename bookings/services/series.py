"""Series: bookings made ahead by a rule, and what a change of the rule does to them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.utils.translation import gettext

from accounts.models import Company, User
from atmr import clock
from atmr.errors import DomainError
from bookings.models import (
    Anchor,
    Booking,
    BookingSeries,
    Priority,
    ReturnKind,
    SeriesException,
    SeriesSuspension,
)
from bookings.recurrence import is_holiday, parse_rule, rule_days
from bookings.services import booking as bookings
from bookings.services import moves, trips
from bookings.signals import announce
from bookings.states import UNASSIGNED, BookingStatus

# What a series says about its bookings. A client's mobility is as it was when the booking was made.
_SAID = [
    "client",
    "partner",
    "pickup_place",
    "delivery_place",
    "anchor",
    "requested_pickup_at",
    "appointment_at",
    "appointment_ends_at",
    "will_call",
    "time_confirmed",
    "priority",
]
_COLUMNS = [column.attname for column in Booking._meta.concrete_fields if column.name in _SAID]
_TRIPS_AT_ONCE = 1000

Trip = list[Booking]  # the outbound, and the return if there is one


@dataclass(frozen=True)
class Definition:
    """A series as it stands, with its exceptions and suspensions."""

    series: BookingSeries
    exceptions: dict[date, time | None]
    suspensions: list[tuple[date, date]]

    def days(self, from_day: date, until_day: date) -> Iterator[tuple[date, time]]:
        """Give the days on which it is served and their times, in order.

        A suspension outranks an exception, and an exception with a time outranks the rule and the
        holidays: a person asked for that very day.
        """
        series = self.series
        first = max(from_day, series.starts_day)
        last = min(until_day, series.until_day or until_day)
        if not series.active or first > last:
            return
        rule = parse_rule(series.rule, series.starts_day)
        days = {
            day for day in rule_days(rule, first, last) if series.on_holidays or not is_holiday(day)
        }
        days |= {day for day, wall in self.exceptions.items() if wall and first <= day <= last}
        for day in sorted(days):
            wall = self.exceptions.get(day, series.at_time)
            suspended = any(start <= day <= end for start, end in self.suspensions)
            if wall is not None and not suspended:
                yield day, wall

    def trip(self, day: date, wall: time) -> Trip:
        """Draft the bookings of one day: the outbound at `wall`, the return as much later."""
        series = self.series
        zone = series.company.tz
        starts_at = clock.at(day, wall, zone)
        stays_until = starts_at + timedelta(minutes=series.stay_min)
        arrives = series.anchor == Anchor.ARRIVE_BY
        outbound = bookings.draft(
            company=series.company,
            client=series.client,
            pickup_place=series.pickup_place,
            delivery_place=series.delivery_place,
            requested_pickup_at=None if arrives else starts_at,
            appointment_at=starts_at if arrives else None,
            appointment_ends_at=stays_until if arrives and series.stay_min else None,
            partner=series.partner,
            priority=Priority(series.priority),
        )
        outbound.series = series
        outbound.series_day = day
        if series.return_kind == ReturnKind.NONE:
            return [outbound]
        will_call = series.return_kind == ReturnKind.WILL_CALL
        back_at = stays_until if will_call else max(starts_at, self._return_at(day, wall))
        back = trips.draft_return(outbound=outbound, return_pickup_at=back_at, will_call=will_call)
        return [outbound, back]

    def _return_at(self, day: date, wall: time) -> datetime:
        """Give the time of the return: on the next day if the clock shows less than at the start.

        On a day at another time, the stay is as long as on the others.
        """
        usual = datetime.combine(day, self.series.at_time)
        back = datetime.combine(day, self.series.return_time or time.min)
        if back <= usual:
            back += timedelta(days=1)
        back += datetime.combine(day, wall) - usual
        return clock.at(back.date(), back.time(), self.series.company.tz)


@dataclass(frozen=True)
class Materialised:
    """What became of the series: the bookings made, and why a series made none, by its id."""

    created: list[int]
    refused: dict[int, DomainError]


@dataclass(frozen=True)
class Change:
    """What a changed series did to its bookings, by their ids."""

    updated: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    created: list[int] = field(default_factory=list)


def materialise(
    *,
    company: Company,
    until_day: date,
    now: datetime,
    actor: User | None = None,
    window_before_min: int,
    window_after_min: int,
    only: Collection[int] | None = None,
) -> Materialised:
    """Book and accept what the company's series ask for from `now` to the end of `until_day`.

    A day that has a booking, in whatever state, is left alone: doing this again changes nothing,
    and a cancelled day stays cancelled. Constant statements for every thousand trips. A series that
    cannot be served is told, and keeps no other from being served.
    """
    today = clock.local_day(now, company.tz)
    windows = {"window_before_min": window_before_min, "window_after_min": window_after_min}
    created: list[int] = []
    refused: dict[int, DomainError] = {}
    with transaction.atomic():
        bookings.check_at_once()
        definitions = _load(company, only)
        served = set(
            Booking.objects.for_company(company)
            .filter(series__in=definitions, series_day__gte=today, outbound=None)
            .values_list("series_id", "series_day")
        )
        agreed = set(company.agreements.filter(active=True).values_list("partner_id", flat=True))
        wanted: list[Trip] = []
        for pk, definition in definitions.items():
            try:
                _check_served(definition.series, agreed)
                for day, wall in definition.days(today, until_day):
                    if (pk, day) not in served:
                        wanted.append(definition.trip(day, wall))
            except DomainError as exc:
                refused[pk] = exc
        ahead = [trip for trip in wanted if trips.starts(trip[0]) > now]
        for start in range(0, len(ahead), _TRIPS_AT_ONCE):
            legs = [leg for trip in ahead[start : start + _TRIPS_AT_ONCE] for leg in trip]
            created += _book(company, legs, actor=actor, now=now, **windows)
    return Materialised(created, refused)


def definition_of(series: BookingSeries) -> Definition:
    """Lock a series and give it as it is stored, with its exceptions and suspensions."""
    return _load(series.company, [series.pk])[series.pk]


def follow_change(
    *,
    before: Definition,
    until_day: date,
    now: datetime,
    actor: User | None,
    window_before_min: int,
    window_after_min: int,
) -> Change:
    """Let the bookings of a changed series follow it, in constant statements.

    `before` is its definition before the change, taken in the same transaction. What lies ahead,
    has no driver and is still as the series made it is moved to the new times and places, or
    cancelled with its return if its day is no longer served. All else is kept as it is: `kept`
    lists what the series would have wanted otherwise.
    """
    company = before.series.company
    today = clock.local_day(now, company.tz)
    windows = {"window_before_min": window_before_min, "window_after_min": window_after_min}
    with transaction.atomic():
        after = definition_of(before.series)
        stored = _trips_ahead(after.series, today, now)
        change, updates, returns = _compare(before, after, stored, today, until_day)
        Booking.objects.bulk_update(updates, [*_SAID, "promised_from", "promised_until"])
        bookings.promise(change.updated, **windows)
        announce(company.pk, change.updated)
        moves.move_many(
            company=company,
            booking_ids=change.cancelled,
            to=BookingStatus.CANCELLED,
            froms=UNASSIGNED,
            actor=actor,
            now=now,
            reason=gettext("The series no longer serves this day."),
        )
        change.created.extend(_book(company, returns, actor=actor, now=now, **windows))
        made = materialise(
            company=company,
            until_day=until_day,
            now=now,
            actor=actor,
            only=[after.series.pk],
            **windows,
        )
    change.created.extend(made.created)
    return change


def _compare(
    before: Definition,
    after: Definition,
    stored: dict[date, Trip],
    today: date,
    until_day: date,
) -> tuple[Change, list[Booking], list[Booking]]:
    """Give what the change does, the stored bookings to update, and the returns to make."""
    change = Change()
    updates: list[Booking] = []
    returns: list[Booking] = []
    last = max([until_day, *stored])
    old, new = dict(before.days(today, last)), dict(after.days(today, last))
    for day, legs in stored.items():
        was = before.trip(day, old[day]) if day in old else []
        wanted = after.trip(day, new[day]) if day in new else []
        if _same(was, wanted):
            continue
        if not _untouched(legs, was):
            change.kept.update(leg.pk for leg in legs)
            continue
        change.cancelled.update(leg.pk for leg in legs[len(wanted) :])
        returns += _adopt(legs, wanted)
        updates += legs[: len(wanted)]
    change.updated.update(leg.pk for leg in updates)
    return change, updates, returns


def _book(
    company: Company,
    legs: list[Booking],
    *,
    actor: User | None,
    now: datetime,
    window_before_min: int,
    window_after_min: int,
) -> list[int]:
    """Store drafts as accepted bookings and give their ids."""
    bookings.create_many(company=company, bookings=legs, actor=actor, now=now)
    ids = [leg.pk for leg in legs]
    bookings.accept_many(
        company=company,
        booking_ids=ids,
        actor=actor,
        now=now,
        window_before_min=window_before_min,
        window_after_min=window_after_min,
    )
    return ids


def _load(company: Company, only: Collection[int] | None) -> dict[int, Definition]:
    rows = (
        BookingSeries.objects.filter(company=company)
        .select_related("company", "client", "partner", "pickup_place", "delivery_place")
        .order_by("pk")
        # Two who materialise at once would book each day twice: the second waits, and sees it.
        .select_for_update(of=("self",), no_key=True)
    )
    if only is not None:
        rows = rows.filter(pk__in=only)
    definitions = {row.pk: Definition(row, {}, []) for row in rows}
    for exception in SeriesException.objects.filter(series__in=definitions):
        definitions[exception.series_id].exceptions[exception.day] = exception.at_time
    for rest in SeriesSuspension.objects.filter(series__in=definitions):
        definitions[rest.series_id].suspensions.append((rest.from_day, rest.until_day))
    return definitions


def _check_served(series: BookingSeries, agreed: Collection[int]) -> None:
    if series.active and not series.client.active:
        raise bookings.ClientInactive(client=series.client)
    if series.active and series.partner and series.partner.pk not in agreed:
        raise bookings.NoAgreement(partner=series.partner)


def _trips_ahead(series: BookingSeries, today: date, now: datetime) -> dict[date, Trip]:
    legs = (
        Booking.objects.filter(series=series, series_day__gte=today)
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    by_day: dict[date, Trip] = {}
    for leg in legs:  # an outbound comes before its return: its id is lower
        if leg.series_day:
            by_day.setdefault(leg.series_day, []).append(leg)
    return {day: trip for day, trip in by_day.items() if trips.starts(trip[0]) > now}


def _same(one: Sequence[Booking], other: Sequence[Booking]) -> bool:
    return [_said(leg) for leg in one] == [_said(leg) for leg in other]


def _untouched(legs: Trip, was: Trip) -> bool:
    return all(leg.status in UNASSIGNED for leg in legs) and _same(legs, was)


def _said(booking: Booking) -> list[object]:
    return [getattr(booking, column) for column in _COLUMNS]


def _adopt(legs: Trip, wanted: Trip) -> list[Booking]:
    """Give `legs` what is `wanted` of them; give the return that has yet to be made, if any."""
    for leg, draft in zip(legs, wanted, strict=False):
        for name in _SAID:
            setattr(leg, name, getattr(draft, name))
        leg.promised_from = leg.promised_until = None
    missing = wanted[len(legs) :]
    for draft in missing:
        draft.outbound = legs[0]
    return missing
