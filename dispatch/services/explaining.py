"""Why this driver, and why none: in numbers that anybody can compute again."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from atmr.clock import local_day
from bookings.models import Booking
from dispatch.darp.committed import baseline, relax
from dispatch.darp.explain import Option, explain, survey
from dispatch.darp.plan import Plan
from dispatch.darp.problem import Problem, Rule
from dispatch.darp.schedule import planned
from dispatch.mapping.day import Day
from dispatch.mapping.pinning import pinned
from dispatch.mapping.problem import MappedDay, build
from dispatch.mapping.requests import OUTBOUND_NOT_SERVED, RETURN_BEFORE_OUTBOUND
from dispatch.mapping.rows import signed_routes
from dispatch.services import policies
from dispatch.services.loading import load_day
from dispatch.travel import GreatCircle

NO_SHIFT = "no_shift"
NO_ROOM = "no_room"
NOT_TO_PLAN = "not_to_plan"
RUNNERS_UP = 3

# What is broken, and by how much: ticks are told in minutes.
_TIMED = frozenset(
    {
        Rule.PICKUP_WINDOW,
        Rule.DELIVERY_WINDOW,
        Rule.RIDE_TIME,
        Rule.VEHICLE_WINDOW,
        Rule.DURATION,
        Rule.BREAK,
        Rule.WAITING_ABOARD,
    }
)
SENTENCES: dict[str, str | Promise] = {
    Rule.SKILLS.name.lower(): _("the driver lacks a skill it needs"),
    Rule.EQUIPMENT.name.lower(): _("the vehicle lacks equipment it needs"),
    Rule.DOCUMENTS.name.lower(): _("a document of driver or vehicle is not valid on the day"),
    Rule.REFUSED_DRIVER.name.lower(): _("the client refuses the driver"),
    Rule.RESERVE_OFF.name.lower(): _("reserve drivers are switched off"),
    Rule.LOCKED_ELSEWHERE.name.lower(): _("it is locked to another driver"),
    Rule.CAPACITY.name.lower(): _("the vehicle has no room for it"),
    Rule.PICKUP_WINDOW.name.lower(): _("the pickup would be outside its window"),
    Rule.DELIVERY_WINDOW.name.lower(): _("the delivery would be outside its window"),
    Rule.RIDE_TIME.name.lower(): _("a client would ride too long"),
    Rule.VEHICLE_WINDOW.name.lower(): _("the shift ends too early"),
    Rule.DURATION.name.lower(): _("the driver would work too long"),
    Rule.BREAK.name.lower(): _("the driver would lose the break"),
    Rule.WAITING_ABOARD.name.lower(): _("a client would wait aboard for too long"),
    Rule.SHARING.name.lower(): _("it would have to be pooled"),
    Rule.MAX_REQUESTS.name.lower(): _("the driver has as many bookings as allowed"),
    Rule.REQUIRES.name.lower(): _("the other leg is not served"),
    Rule.COMMITTED.name.lower(): _("locked rides come first"),
    Rule.STRUCTURE.name.lower(): _("other rides came first"),
    NO_SHIFT: _("nobody is on duty"),
    NOT_TO_PLAN: _("it is not accepted, or its time is not confirmed"),
    NO_ROOM: _("other rides came first"),
    OUTBOUND_NOT_SERVED: _("its outbound is not served"),
    RETURN_BEFORE_OUTBOUND: _("it would leave before the outbound is over"),
}


@dataclass(frozen=True)
class WhyNot:
    """Why a request is in no route: the commonest kind of miss, and the nearest of each driver."""

    reason: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Reasons:
    """Explanations by request: of those that the plan serves, and of those it leaves out."""

    assigned: dict[int, dict[str, Any]] = field(default_factory=dict)
    unassigned: dict[int, WhyNot] = field(default_factory=dict)


def explain_plan(mapped: MappedDay, plan: Plan) -> Reasons:
    """Explain every request of a plan."""
    if not mapped.shifts:
        nobody = WhyNot(NO_SHIFT, {})
        return Reasons(unassigned=dict.fromkeys(plan.unassigned, nobody))
    prices, misses = survey(mapped.problem, plan)
    vehicle_of = {
        stop.request: vehicle
        for vehicle, route in enumerate(plan.routes)
        for stop in route.stops
        if stop.request >= 0
    }
    left = set(plan.unassigned)
    return Reasons(
        assigned={r: _why(mapped, found, vehicle_of[r]) for r, found in prices.items()},
        unassigned={r: _why_not(mapped, r, found, left) for r, found in misses.items()},
    )


def explain_booking(*, booking: Booking, now: datetime) -> dict[str, Any]:
    """Say why a booking has the driver it has, or why it has none, as things stand now."""
    company = booking.company
    rows = load_day(
        company=company,
        day=local_day(booking.scheduled_at, company.tz),
        now=now,
        policy=policies.policy_of(company),
    )
    mapped = build(rows, GreatCircle())
    answer: dict[str, Any] = {"booking": booking.reference, "status": booking.status}
    for other, reason in mapped.unplannable:
        if other.pk == booking.pk:
            return answer | {"reason": reason, "why": sentence(reason)}
    number = mapped.index().get(booking.pk)
    if number is None:
        return answer | {"reason": NOT_TO_PLAN, "why": sentence(NOT_TO_PLAN)}
    problem = mapped.problem
    plan = planned(problem, signed_routes(mapped))
    current = rows.current(mapped.bookings[number])
    if current is None:
        found = explain(problem, plan, number)
        left = _why_not(mapped, number, found, set(plan.unassigned))
        return answer | {"reason": left.reason, "why": sentence(left.reason)} | left.details
    vehicle = [shift.pk for shift in mapped.shifts].index(current.shift_id)
    costs = [option.cost for option in explain(problem, plan, number)]
    prices = np.array([np.inf if cost is None else cost for cost in costs])
    return answer | {
        "driver": current.driver_id,
        "shift": current.shift_id,
        "pickup_at": current.pickup_at.astimezone(company.tz).isoformat(),
        "terms": _terms(problem, plan, number),
        **_why(mapped, prices, vehicle),
    }


def _terms(problem: Problem, plan: Plan, number: int) -> dict[str, float]:
    """What each part of the objective pays for a request: the plan with it less without it."""
    without = planned(
        problem, [[s for s in route.signed() if abs(s) - 1 != number] for route in plan.routes]
    )
    before, after = without.cost.components, plan.cost.components
    return {name: round(after[name] - before[name], 2) for name in after}


def sentence(reason: str, amount: int | None = None) -> str:
    """Put a reason into words, with its size where it is a time."""
    text = SENTENCES[reason]
    timed = {rule.name.lower() for rule in _TIMED}
    if amount is None or reason not in timed:
        return str(text)
    return str(format_lazy(_("{what} by {minutes} min"), what=text, minutes=-(-amount // 60)))


def why_not(day: Day, booking: Booking, pickup_at: datetime | None) -> str:
    """Say why a booking does not fit into the one shift of a narrowed day."""
    mapped = build(day, GreatCircle())
    for other, reason in mapped.unplannable:
        if other.pk == booking.pk:
            return sentence(reason)
    if not mapped.shifts:
        return sentence(NO_SHIFT)
    number = mapped.index()[booking.pk]
    problem = mapped.problem
    if pickup_at is not None:
        problem = pinned(problem, number, day.ticks(pickup_at))
    # What is late already is in nobody's way.
    problem = relax(problem, baseline(problem))
    plan = planned(problem, signed_routes(mapped))
    miss = explain(problem, plan, number)[0]
    if miss.cost is not None:
        return sentence(NO_ROOM)
    return sentence(miss.rule.name.lower(), miss.amount)


def _why(mapped: MappedDay, prices: NDArray[np.float64], vehicle: int) -> dict[str, Any]:
    """What the ride costs where it is, and what it would cost with the next best drivers."""
    cheapest = np.argsort(prices, kind="stable")[: RUNNERS_UP + 1].tolist()
    others = [v for v in cheapest if v != vehicle and prices[v] < np.inf]
    own = float(prices[vehicle])
    return {
        "cost": round(own, 2) if own < np.inf else None,
        "runners_up": [
            {
                "shift": mapped.shifts[v].pk,
                "driver": mapped.shifts[v].driver_id,
                "cost": round(float(prices[v]), 2),
            }
            for v in others[:RUNNERS_UP]
        ],
    }


def _why_not(mapped: MappedDay, request: int, found: list[Option], left: set[int]) -> WhyNot:
    """Name the rule of the nearest miss, and list what is in the way with each driver."""
    requires = mapped.problem.requests[request].requires
    if requires is not None and requires in left:
        return WhyNot(OUTBOUND_NOT_SERVED, {})
    if not found:
        return WhyNot(NO_SHIFT, {})
    misses = sorted((option for option in found if option.cost is None), key=_distance)
    details: dict[str, Any] = {
        "drivers": [
            {
                "shift": mapped.shifts[option.vehicle].pk,
                "driver": mapped.shifts[option.vehicle].driver_id,
                "rule": option.rule.name.lower(),
                "amount": option.amount,
            }
            for option in misses
        ]
    }
    if not misses or len(misses) < len(found):
        return WhyNot(NO_ROOM, details)
    nearest = misses[0]
    details["nearest"] = {
        "fix": _FIX.get(nearest.rule, "other_driver"),
        "shift": mapped.shifts[nearest.vehicle].pk,
        "amount": nearest.amount,
    }
    return WhyNot(nearest.rule.name.lower(), details)


# What would help, by the rule of the nearest miss.
_FIX = {
    Rule.PICKUP_WINDOW: "another_time",
    Rule.DELIVERY_WINDOW: "another_time",
    Rule.RIDE_TIME: "another_time",
    Rule.WAITING_ABOARD: "another_time",
    Rule.SHARING: "another_time",
    Rule.VEHICLE_WINDOW: "longer_shift",
    Rule.DURATION: "longer_shift",
    Rule.BREAK: "another_break",
    Rule.CAPACITY: "other_vehicle",
    Rule.EQUIPMENT: "other_vehicle",
    Rule.MAX_REQUESTS: "higher_limit",
    Rule.RESERVE_OFF: "reserve_drivers",
    Rule.DOCUMENTS: "renew_documents",
}


def _distance(option: Option) -> tuple[int, int, int]:
    """Order misses: a time by its size is nearer than a rule that no time cures."""
    kind = 0 if option.rule in _TIMED else 1
    return kind, option.amount, option.vehicle
