"""The rides that are late now and the drivers with too much to do, as the day page tells them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts.models import Company
from dispatch.services import delays
from dispatch.services.delays import Delay, Limit, Overload
from fleet.models import Shift

_TOO_MUCH: dict[Limit, Promise] = {
    Limit.SHIFT: _("back %(n)s min after the end of the shift"),
    Limit.WORK: _("%(n)s min more work than a day allows"),
    Limit.BREAK: _("no room is left for the break of %(n)s min"),
    Limit.BOOKINGS: ngettext_lazy(
        "%(n)s booking more than the limit", "%(n)s bookings more than the limit", "n"
    ),
}


@dataclass(frozen=True)
class LateRide:
    """A ride that is late, who drives it, and how many rides its delay touches."""

    delay: Delay
    shift: Shift
    touched: int


@dataclass(frozen=True)
class Overloaded:
    """A driver with more than fits, and what that is."""

    shift: Shift
    why: str


@dataclass(frozen=True)
class Late:
    """What a day under way has to tell beside its alerts."""

    rides: Sequence[LateRide]
    drivers: Sequence[Overloaded]


def read(company: Company, day: date, shifts: Sequence[Shift], *, now: datetime) -> Late:
    """Look at a day as it stands; `shifts` are those shown on its page."""
    found = delays.delays_of(company=company, day=day, now=now)
    by_id = {shift.pk: shift for shift in shifts}
    return Late(
        rides=[
            LateRide(delay, by_id[delay.shift], len(found.touched_by(delay.booking)))
            for delay in found.late
            if delay.shift in by_id
        ],
        drivers=list(_overloaded(found.overloads, by_id)),
    )


def _overloaded(overloads: Sequence[Overload], shifts: dict[int, Shift]) -> Iterator[Overloaded]:
    for overload in overloads:
        if overload.shift in shifts:
            amount = overload.amount
            if overload.limit != Limit.BOOKINGS:
                amount = -(-amount // 60)
            why = str(_TOO_MUCH[overload.limit] % {"n": amount})
            yield Overloaded(shifts[overload.shift], why)
