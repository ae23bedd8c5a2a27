"""Work that a plan must keep, and what is broken already because of it.

A van that is late, or a lock that cannot be kept, must not stop every plan of the day. ``baseline``
drives the committed work alone, as well as its order allows; what that breaks is inherited, and
``relax`` widens the problem by just that much. Then every plan of the relaxed problem is one of the
given problem with nothing added:
``excess(check(problem, plan), check(problem, baseline(problem))) == []``.
"""

from dataclasses import replace

import numpy as np

from dispatch.darp.check import aboard_between, check
from dispatch.darp.plan import Plan, Violation
from dispatch.darp.problem import Problem, Request, Rule, TimeWindow, Vehicle
from dispatch.darp.timetable import driven


def baseline(problem: Problem) -> Plan:
    """The plan of each vehicle's ``committed`` stops alone, in their order.

    It keeps every bound if the order allows it; see ``timetable.driven`` for what it does if not.
    """
    return driven(problem, [vehicle.committed for vehicle in problem.vehicles])


def relax(problem: Problem, start: Plan | None = None) -> Problem:
    """The same problem, its bounds widened until its baseline is feasible and no further.

    `start` is ``baseline(problem)``, computed if not given.
    """
    plan = baseline(problem) if start is None else start
    draft = _Draft(problem, plan)
    for violation in check(problem, plan):
        draft.widen(violation)
    return draft.done()


def _committed(vehicle: Vehicle) -> set[int]:
    return {abs(signed) - 1 for signed in vehicle.committed}


class _Draft:
    """A problem while its bounds are being widened."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.requests = list(problem.requests)
        self.vehicles = list(problem.vehicles)
        self.drivers = list(problem.drivers)
        self.forbidden = problem.forbidden.copy()
        self.may_share = problem.may_share.copy()

    def done(self) -> Problem:
        return replace(
            self.problem,
            requests=tuple(self.requests),
            vehicles=tuple(self.vehicles),
            drivers=tuple(self.drivers),
            forbidden=self.forbidden,
            may_share=self.may_share,
        )

    def widen(self, violation: Violation) -> None:
        rule, v, r = violation.rule, violation.vehicle, violation.request
        if rule in OF_REQUEST:
            self.requests[r] = _widen_request(self.requests[r], violation)
        elif rule in OF_VEHICLE:
            self.vehicles[v] = _widen_vehicle(self.vehicles[v], violation)
        elif rule is Rule.MAX_REQUESTS:
            driver = self.drivers[self.vehicles[v].driver]
            limit = (driver.max_requests or 0) + violation.amount
            self.drivers[self.vehicles[v].driver] = replace(driver, max_requests=limit)
        elif rule is Rule.SHARING:
            self.may_share[[r, violation.other], [violation.other, r]] = True
        elif rule is Rule.CAPACITY:
            self._fit_layouts(v)
        else:
            self.forbidden[r, v] = Rule.NONE

    def _fit_layouts(self, v: int) -> None:
        """Let the layouts in use carry the committed work, and nobody else board."""
        vehicle, stops = self.problem.vehicles[v], self.plan.routes[v].stops
        layouts = [np.array(layout) for layout in vehicle.layouts]
        in_use = vehicle.aboard_layout or 0
        for stop, aboard in zip(stops, aboard_between(self.problem, v, stops), strict=True):
            in_use = stop.layout if stop.request >= 0 else in_use
            load = np.sum([self.problem.requests[r].load for r in aboard], axis=0, dtype=int)
            layouts[in_use] = np.maximum(layouts[in_use], load)
        fitted = tuple(tuple(int(units) for units in layout) for layout in layouts)
        self.vehicles[v] = replace(self.vehicles[v], layouts=fitted)
        others = sorted(set(range(len(self.requests))) - _committed(vehicle))
        column = self.forbidden[others, v]
        self.forbidden[others, v] = np.where(column == Rule.NONE, Rule.CAPACITY, column)


OF_REQUEST = (Rule.PICKUP_WINDOW, Rule.DELIVERY_WINDOW, Rule.RIDE_TIME, Rule.REQUIRES)
OF_VEHICLE = (Rule.VEHICLE_WINDOW, Rule.DURATION, Rule.BREAK, Rule.WAITING_ABOARD)


def _later(window: TimeWindow, ticks: int) -> TimeWindow:
    return TimeWindow(window.earliest, window.latest + ticks)


def _widen_request(request: Request, violation: Violation) -> Request:
    ticks = violation.amount
    if violation.rule is Rule.PICKUP_WINDOW:
        return replace(request, pickup_window=_later(request.pickup_window, ticks))
    if violation.rule is Rule.DELIVERY_WINDOW:
        return replace(request, delivery_window=_later(request.delivery_window, ticks))
    if violation.rule is Rule.RIDE_TIME:
        return replace(request, max_ride=(request.max_ride or 0) + ticks)
    return replace(request, requires=None)


def _widen_vehicle(vehicle: Vehicle, violation: Violation) -> Vehicle:
    ticks = violation.amount
    if violation.rule is Rule.VEHICLE_WINDOW:
        return replace(vehicle, window=_later(vehicle.window, ticks))
    if violation.rule is Rule.DURATION:
        return replace(vehicle, max_duration=(vehicle.max_duration or 0) + ticks)
    if violation.rule is Rule.WAITING_ABOARD:
        return replace(vehicle, max_wait_aboard=(vehicle.max_wait_aboard or 0) + ticks)
    due = vehicle.break_
    return replace(vehicle, break_=due and replace(due, window=_later(due.window, ticks)))
