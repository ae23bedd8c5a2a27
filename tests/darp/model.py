"""Times as an integer program: the timing rules and the objective as the definitions state them."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from dispatch.darp.check import check
from dispatch.darp.plan import Cost, Plan, Route, Stop, StopKind
from dispatch.darp.problem import Rule

BREAK = 0  # among signed request numbers
TIMED = (
    Rule.PICKUP_WINDOW,
    Rule.DELIVERY_WINDOW,
    Rule.RIDE_TIME,
    Rule.VEHICLE_WINDOW,
    Rule.DURATION,
    Rule.BREAK,
    Rule.WAITING_ABOARD,
    Rule.STRUCTURE,
)


def end_of(request, signed):
    """Place, window and service of a request's pickup or delivery."""
    if signed > 0:
        return request.pickup, request.pickup_window, request.pickup_service
    return request.delivery, request.delivery_window, request.delivery_service


class Model:
    """One order of stops of one vehicle, as an integer program over its times.

    Variables: when the vehicle leaves the start place, when each service starts, by how much those
    that are due are late, and whether each promise is moved. An expression is a vector over them
    with a constant at its end.
    """

    def __init__(self, problem, v, order):
        self.problem, self.v, self.order = problem, v, order
        self.vehicle = problem.vehicles[v]
        self.route = Route()
        self.promised = [s for s in order if s > 0 and problem.requests[s - 1].promise is not None]
        self.due = [s for s in order if s != BREAK and self.due_of(s) is not None]
        self.size = 1 + len(order) + len(self.due) + len(self.promised)
        self.rows, self.objective, self.duration = [], self.constant(0), self.constant(0)
        if order:
            self.state()

    def due_of(self, signed):
        request = self.problem.requests[abs(signed) - 1]
        return request.pickup_due if signed > 0 else request.delivery_due

    def constant(self, ticks):
        return np.array([0.0] * self.size + [ticks])

    def variable(self, i):
        return np.eye(self.size + 1)[i]

    def at_least_zero(self, expression):
        self.rows.append(expression)

    def within(self, window, start):
        self.at_least_zero(start - self.constant(window.earliest))
        self.at_least_zero(self.constant(window.latest) - start)

    def place_of(self, i):
        signed = self.order[i]
        if signed == BREAK:
            last = i == len(self.order) - 1
            before = self.place_of(i - 1) if i else self.vehicle.start
            return self.vehicle.end if last else before
        return end_of(self.problem.requests[abs(signed) - 1], signed)[0]

    def service_of(self, i):
        signed = self.order[i]
        if signed == BREAK:
            return self.vehicle.break_.duration
        return end_of(self.problem.requests[abs(signed) - 1], signed)[2]

    def driving(self, a, b):
        return self.constant(float(self.problem.travel[a, b]))

    def state(self):
        """All timing rules, and what depends on times in the objective."""
        problem, vehicle, order, weights = (
            self.problem,
            self.vehicle,
            self.order,
            self.problem.weights,
        )
        leave = self.variable(0)
        out = self.variable(1) if order[0] == BREAK else leave
        self.at_least_zero(out - self.constant(vehicle.window.earliest))
        departure, place, picked, aboard = out, vehicle.start, {}, 0
        aboard = sum(problem.requests[-s - 1].aboard for s in order if s < 0)
        for i, signed in enumerate(order):
            arrival = departure + self.driving(place, self.place_of(i))
            start, place = self.variable(1 + i), self.place_of(i)
            self.at_least_zero(start - arrival)
            if aboard:
                self.objective = self.objective + weights.waiting_aboard_tick * (start - arrival)
                if vehicle.max_wait_aboard is not None:
                    self.at_least_zero(self.constant(vehicle.max_wait_aboard) - (start - arrival))
            if signed in self.due:
                late = self.variable(1 + len(order) + self.due.index(signed))
                self.at_least_zero(late)
                self.at_least_zero(late - start + self.constant(self.due_of(signed)))
                self.objective = self.objective + weights.late_tick * late
            departure = start + self.constant(self.service_of(i))
            if signed == BREAK:
                self.within(vehicle.break_.window, start)
                if i == 0:
                    self.at_least_zero(leave - departure)
                    departure = leave
            elif signed > 0:
                request = problem.requests[signed - 1]
                self.within(request.pickup_window, start)
                picked[signed] = departure
                aboard += 1
                if request.promise is not None:
                    self.promise(request.promise, signed, start)
            else:
                request = problem.requests[-signed - 1]
                self.within(request.delivery_window, start)
                aboard -= 1
                if request.max_ride is not None and not request.aboard:
                    ride = start - picked[-signed]
                    self.at_least_zero(self.constant(request.max_ride) - ride)
        back = departure + self.driving(place, vehicle.end)
        self.at_least_zero(self.constant(vehicle.window.latest) - back)
        reached = arrival if order[-1] == BREAK else back
        started = leave if vehicle.started is None else self.constant(vehicle.started)
        self.duration = reached - started
        if vehicle.max_duration is not None:
            self.at_least_zero(self.constant(vehicle.max_duration) - self.duration)
        self.objective = self.objective + weights.working_tick * self.duration

    def promise(self, window, signed, start):
        moved = self.variable(self.size - len(self.promised) + self.promised.index(signed))
        shift = self.vehicle.window
        too_early = max(0, window.earliest - shift.earliest)
        too_late = max(0, shift.latest - window.latest)
        self.at_least_zero(start - self.constant(window.earliest) + too_early * moved)
        self.at_least_zero(self.constant(window.latest) - start + too_late * moved)
        self.objective = self.objective + self.problem.weights.moved_promise * moved

    def can_be_served(self):
        """Whether all rules hold that do not depend on times, with some layouts."""
        self.layouts = self.fitting_layouts()
        if self.layouts is None:
            return False
        rest = tuple(
            r for r in range(len(self.problem.requests)) if r + 1 not in map(abs, self.order)
        )
        route = self.build(np.zeros(self.size))
        routes = tuple(route if v == self.v else Route() for v in range(len(self.problem.vehicles)))
        for found in check(self.problem, Plan(routes, rest, Cost((), 0.0))):
            elsewhere = found.vehicle not in {self.v, -1}
            of_plan = found.rule in (Rule.REQUIRES, Rule.MAX_REQUESTS)
            if not (elsewhere or of_plan or found.rule in TIMED):
                return False
        return True

    def fitting_layouts(self):
        """A layout for each stop, or None where no layout fits a pool."""
        requests = self.problem.requests
        riding = [-s - 1 for s in self.order if s < 0 and requests[-s - 1].aboard]
        forced = self.vehicle.aboard_layout if riding else None
        chosen, pool = [], [list(riding)]
        for i, signed in enumerate(self.order):
            if signed > 0:
                riding.append(signed - 1)
            elif signed < 0:
                riding.remove(-signed - 1)
            pool.append(list(riding))
            if riding and i < len(self.order) - 1:
                continue
            fits = [
                layout
                for layout, places in enumerate(self.vehicle.layouts)
                if (forced is None or layout == forced)
                and all(
                    sum(requests[r].load[k] for r in moment) <= places[k]
                    for moment in pool
                    for k in range(len(places))
                )
            ]
            if not fits:
                return None
            chosen += [fits[0]] * (i + 1 - len(chosen))
            pool, forced = [], None
        return chosen

    def solve(self):
        found = minimise([self])
        if found is not None:
            self.route = self.build(found[0])
        return found is not None

    def build(self, values):
        """The route at these times."""
        leave = round(values[0])
        starts = [round(value) for value in values[1 : 1 + len(self.order)]]
        out = starts[0] if self.order[0] == BREAK else leave
        stops = [Stop(StopKind.START, self.vehicle.start, out, out, out)]
        for i, signed in enumerate(self.order):
            kind = StopKind.BREAK
            if signed != BREAK:
                kind = StopKind.PICKUP if signed > 0 else StopKind.DELIVERY
            place = self.place_of(i)
            arrival = stops[-1].departure + int(self.problem.travel[stops[-1].place, place])
            departure = leave if signed == BREAK and i == 0 else starts[i] + self.service_of(i)
            request, layout = (abs(signed) - 1, self.layouts[i]) if signed else (-1, -1)
            stops.append(Stop(kind, place, arrival, starts[i], departure, request, layout))
        end = self.vehicle.end
        back = stops[-1].departure + int(self.problem.travel[stops[-1].place, end])
        return Route((*stops, Stop(StopKind.END, end, back, back, back)))


def solve_together(problem, models):
    """The routes at the times that are best for all of them, fairness included."""
    driven = [model for model in models if model.order]
    found = minimise(driven, unfair=True)
    times = dict(zip((model.v for model in driven), found, strict=True))
    return tuple(model.build(times[model.v]) if model.order else Route() for model in models)


def minimise(models, unfair=False):
    """The values of each model's variables at the least sum of their objectives."""
    if not models:
        return []
    offsets = np.cumsum([0] + [model.size for model in models])
    total = int(offsets[-1])
    problem = models[0].problem
    duty = duty_of(problem) if unfair else []
    size = total + len(duty)
    prices, rows, least = np.zeros(size), [], []
    for model, offset in zip(models, offsets, strict=False):
        prices[offset : offset + model.size] = model.objective[:-1]
        for row in model.rows:
            wide = np.zeros(size)
            wide[offset : offset + model.size] = row[:-1]
            rows.append(wide)
            least.append(-row[-1])
    if unfair:
        prices[total:] = problem.weights.fairness
        for row, bound in unfairness(problem, models, offsets, duty, size):
            rows.append(row)
            least.append(bound)
    low, high = np.full(size, -np.inf), np.full(size, np.inf)
    for model, offset in zip(models, offsets, strict=False):
        low[offset + model.size - len(model.promised) : offset + model.size] = 0.0
        high[offset + model.size - len(model.promised) : offset + model.size] = 1.0
    low[total:] = 0.0
    found = milp(
        prices,
        integrality=np.array([1] * total + [0] * len(duty)),
        bounds=Bounds(low, high),
        constraints=LinearConstraint(np.array(rows), np.array(least) - 1e-7, np.inf),
        # With it HiGHS now and then calls times optimal that are not.
        options={"presolve": False},
    )
    if found.x is None:
        return None
    return [
        found.x[offset : offset + model.size]
        for model, offset in zip(models, offsets, strict=False)
    ]


def duty_of(problem):
    duty = [driver.past_duty for driver in problem.drivers]
    for vehicle in problem.vehicles:
        duty[vehicle.driver] += vehicle.window.latest - vehicle.window.earliest
    return duty


def unfairness(problem, models, offsets, duty, size):
    """Rows that keep each driver's variable above ``(load - mean load) * duty``."""
    working = [d for d, ticks in enumerate(duty) if ticks]
    loads = {}
    for d in working:
        load = np.zeros(size + 1)
        load[-1] = problem.drivers[d].past_paid / duty[d]
        for model, offset in zip(models, offsets, strict=False):
            if model.vehicle.driver == d:
                load[offset : offset + model.size] += model.duration[:-1] / duty[d]
                load[-1] += model.duration[-1] / duty[d]
        loads[d] = load
    mean = sum(loads.values()) / len(loads) if loads else None
    for d in working:
        over = (loads[d] - mean) * duty[d]
        row = -over[:-1]
        row[size - len(duty) + d] += 1.0
        yield row, over[-1]
