"""VROOM: shipments with windows, and breaks with nobody aboard; no limit on a ride."""

from collections.abc import Iterable
from datetime import timedelta

import vroom

from benchmarks.peers.asking import Reply, between, fixed_ticks, origin, places_of, ranks
from dispatch.darp.problem import Problem, Vehicle

DEEPEST = 5  # its own highest level; it may end before its time


def route(problem: Problem, budget_s: float, seed: int) -> Reply:  # noqa: ARG001 - it has none
    """Ask for the cheapest driving within the budget, on one thread."""
    first = origin(problem)
    asked = vroom.Input()
    asked.set_durations_matrix("car", problem.travel)
    skills = _skills(problem)
    for v, vehicle in enumerate(problem.vehicles):
        able = {skill for skill, open_to in enumerate(skills) if v in open_to}
        asked.add_vehicle(_vehicle(v, vehicle, first, able, fixed_ticks(problem, vehicle)))
    known = {open_to: skill for skill, open_to in enumerate(skills)}
    rank = ranks(problem)
    for r, request in enumerate(problem.requests):
        ends = [
            vroom.ShipmentStep(
                r,
                place,
                default_service=service,
                time_windows=[vroom.TimeWindow(*between(window, first))],
            )
            for place, service, window in (
                (request.pickup, request.pickup_service, request.pickup_window),
                (request.delivery, request.delivery_service, request.delivery_window),
            )
        ]
        open_to = _open_to(problem, r)
        asked.add_shipment(
            *ends,
            amount=vroom.Amount(list(request.load)),
            skills={known[open_to]} if open_to in known else set(),
            priority=min(100, 50 * rank[r]),
        )
    answer = asked.solve(DEEPEST, nb_threads=1, timeout=timedelta(seconds=budget_s))
    return Reply(_signed(len(problem.vehicles), answer.routes.itertuples()))


def _vehicle(v: int, vehicle: Vehicle, first: int, skills: set[int], fixed: int) -> vroom.Vehicle:
    places = places_of(vehicle)
    breaks = []
    if vehicle.break_ is not None:
        window = vroom.TimeWindow(*between(vehicle.break_.window, first))
        nobody = vroom.Amount([0] * len(places))
        breaks = [vroom.Break(v, [window], vehicle.break_.duration, max_load=nobody)]
    return vroom.Vehicle(
        v,
        start=vehicle.start,
        end=vehicle.end,
        capacity=vroom.Amount(places),
        skills=skills,
        time_window=vroom.TimeWindow(*between(vehicle.window, first)),
        breaks=breaks,
        costs=vroom.VehicleCosts(fixed=fixed),
    )


def _open_to(problem: Problem, r: int) -> frozenset[int]:
    return frozenset(v for v in range(len(problem.vehicles)) if not problem.forbidden[r, v])


def _skills(problem: Problem) -> list[frozenset[int]]:
    """One skill for each set of vehicles to which some request is confined."""
    everybody = frozenset(range(len(problem.vehicles)))
    sets = {_open_to(problem, r) for r in range(len(problem.requests))}
    return sorted(sets - {everybody}, key=sorted)


def _signed(vehicles: int, steps: Iterable) -> list[list[int]]:
    routes: list[list[int]] = [[] for _ in range(vehicles)]
    for step in steps:
        if step.type == "pickup":
            routes[step.vehicle_id].append(int(step.id) + 1)
        elif step.type == "delivery":
            routes[step.vehicle_id].append(-int(step.id) - 1)
    return routes
