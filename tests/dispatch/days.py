"""Small days in which one thing is told apart: places on a line, a company, a plan asked for."""

from typing import Any

from accounts.models import Company
from dispatch.models import Assignment
from dispatch.services import planning
from dispatch.services.planning import Summary
from fleet.models import Place
from tests.factories import (
    DAY,
    BookingFactory,
    DispatchPolicyFactory,
    PlaceFactory,
    ShiftFactory,
    on_day,
)

# About a kilometre and a half of latitude, four minutes of driving in streets.
STEP = 0.0135


class Line:
    """Places 0, 1, 2, ... northwards, a kilometre and a half apart, of one company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.places: dict[float, Place] = {}

    def __getitem__(self, step: float) -> Place:
        if step not in self.places:
            self.places[step] = PlaceFactory(
                company=self.company, lat=46.18 + step * STEP, lon=6.14, name=f"Place {step}"
            )
        return self.places[step]

    def booking(self, start: float, end: float, hour: int, minute: int = 0, **fields: Any) -> Any:
        """A booking picked up at a time, or with ``arrive_by=True`` delivered by it."""
        if fields.get("arrive_by"):
            fields.setdefault("appointment_at", on_day(hour, minute))
        else:
            fields.setdefault("requested_pickup_at", on_day(hour, minute))
        return BookingFactory(
            company=self.company, pickup_place=self[start], delivery_place=self[end], **fields
        )

    def shift(self, base: float = 0, **fields: Any) -> Any:
        return ShiftFactory(company=self.company, start_place=self[base], **fields)


def policy(company: Company, **settings: Any) -> Any:
    return DispatchPolicyFactory(company=company, **settings)


def plan(company: Company, *, apply: bool = True, **options: Any) -> Summary:
    """Plan the day of the tests at midnight before it, by iterations: the same each time."""
    options = {"now": on_day(0), "iterations": 60, "day": DAY} | options
    company = Company.objects.get(pk=company.pk)  # a policy changed since is read anew
    return planning.plan_day(company=company, apply=apply, **options)


def live(booking: Any) -> Assignment | None:
    return Assignment.objects.live().filter(booking=booking).select_related("driver").first()


def reason_of(summary: Summary, booking: Any) -> str | None:
    found = {row["booking"]: row["reason"] for row in summary.unassigned}
    return found.get(booking.reference)
