"""A plan to rows: assignments to propose, and what stays as it is."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from dispatch.darp.plan import Plan, Route, Stop, StopKind
from dispatch.mapping.day import UNDER_WAY
from dispatch.mapping.problem import MappedDay
from dispatch.mapping.vehicles import signed_route, work_of
from dispatch.models import Assignment, AssignmentStatus, DispatchRun, Lock


@dataclass(frozen=True)
class Proposal:
    """What a plan wants of one booking: a new row, or the current one as it is."""

    number: int
    row: Assignment
    current: Assignment | None

    @property
    def is_change(self) -> bool:
        return self.row is not self.current


def proposals(mapped: MappedDay, plan: Plan, run: DispatchRun | None) -> list[Proposal]:
    """Turn the routes of a plan into assignments; an equal current row stands for itself."""
    found: list[Proposal] = []
    for vehicle, route in enumerate(plan.routes):
        sequence = 0
        for pool in _pools(route):
            rows = _pool_rows(mapped, vehicle, pool, sequence, run)
            sequence += len(rows)
            found += rows
    return found


def signed_routes(mapped: MappedDay) -> list[list[int]]:
    """Give the current assignments as signed requests, in planned order: where a search starts."""
    work = work_of(mapped.day)
    index = mapped.index()
    return [signed_route(index, work[shift.pk]) for shift in mapped.shifts]


def _pools(route: Route) -> Iterator[list[Stop]]:
    """Cut a route where nobody is aboard."""
    pool: list[Stop] = []
    aboard: set[int] = {stop.request for stop in route.stops if stop.request >= 0} - {
        stop.request for stop in route.stops if stop.kind is StopKind.PICKUP
    }
    for stop in route.stops:
        if stop.request < 0:
            continue
        pool.append(stop)
        if stop.kind is StopKind.PICKUP:
            aboard.add(stop.request)
        else:
            aboard.discard(stop.request)
        if not aboard:
            yield pool
            pool = []


def _pool_rows(
    mapped: MappedDay, vehicle: int, pool: list[Stop], sequence: int, run: DispatchRun | None
) -> list[Proposal]:
    picked = {stop.request: stop for stop in pool if stop.kind is StopKind.PICKUP}
    drafts: list[tuple[int, Assignment, Assignment | None]] = []
    for stop in pool:
        if stop.kind is not StopKind.DELIVERY:
            continue
        row = _row(mapped, vehicle, picked.get(stop.request), stop, run)
        current = mapped.day.current(mapped.bookings[stop.request])
        drafts.append((stop.request, row, current))
    drafts.sort(key=lambda draft: (draft[1].pickup_at, draft[0]))
    # Rows that stay bring their pool; everybody who rides with them joins it.
    kept = [current for _, row, current in drafts if current and _stays(mapped, row, current)]
    begun = [current for _, row, current in drafts if current and row.booking.status in UNDER_WAY]
    pool_id = (begun or kept)[-1].pool if kept else uuid.uuid4()
    found = []
    for place, (number, row, current) in enumerate(drafts):
        row.sequence = sequence + place
        row.pool = pool_id
        stays = current in kept and (row.booking.status in UNDER_WAY or current.pool == pool_id)
        found.append(Proposal(number, current if stays and current is not None else row, current))
    return found


def _row(
    mapped: MappedDay,
    vehicle: int,
    pickup: Stop | None,
    delivery: Stop,
    run: DispatchRun | None,
) -> Assignment:
    booking, shift = mapped.bookings[delivery.request], mapped.shifts[vehicle]
    current = mapped.day.current(booking)
    # A client aboard was picked up when the row of his ride says.
    pickup_at = current.pickup_at if pickup is None and current else None
    layouts: list[dict[str, int]] = shift.layouts  # type: ignore[attr-defined]
    return Assignment(
        company_id=mapped.day.company.pk,
        booking=booking,
        driver_id=shift.driver_id,
        shift=shift,
        layout_id=layouts[delivery.layout]["id"],
        dispatch_run=run,
        status=AssignmentStatus.PROPOSED,
        pickup_at=pickup_at or mapped.day.instant(pickup.start if pickup else delivery.arrival),
        delivery_at=mapped.day.instant(delivery.start),
        ends_at=mapped.day.instant(delivery.departure),
        lock=current.lock if current else Lock.NONE,
    )


def _stays(mapped: MappedDay, row: Assignment, current: Assignment) -> bool:
    """Equal in shift, layout and times; and work under way is never rewritten."""
    if row.booking.status in UNDER_WAY:
        return True
    same_end = row.ends_at == current.ends_at or mapped.day.keeps_times(row.booking)
    return same_end and (row.shift_id, row.layout_id, row.pickup_at, row.delivery_at) == (
        current.shift_id,
        current.layout_id,
        current.pickup_at,
        current.delivery_at,
    )
