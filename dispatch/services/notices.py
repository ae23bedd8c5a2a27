"""What a plan that goes live is to tell: to clients, to partners who booked, to drivers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from dispatch.models import Assignment, Audience, DispatchRun, NoticeKind, Outbox
from dispatch.services.changes import Change


def of_changes(
    *,
    run: DispatchRun,
    changes: Sequence[Change],
    partners: Mapping[int, int | None],
    now: datetime,
) -> list[Outbox]:
    """Give the notices of changes that a run, or its undo, makes.

    A client, and the partner who booked, hear of a driver gained or lost and of another driver or
    time; a driver hears once of all that changes in the route of a shift. `partners` are those who
    booked, by booking.
    """
    found: list[Outbox] = []
    for change in changes:
        told = _of_ride(change)
        if told is not None:
            kind, details = told
            common: dict[str, Any] = {"kind": kind, "booking_id": change.booking_id}
            found.append(Outbox(audience=Audience.CLIENT, details=details, **common))
            partner = partners.get(change.booking_id)
            if partner is not None:
                found.append(
                    Outbox(audience=Audience.PARTNER, partner_id=partner, details=details, **common)
                )
    found += _of_routes(changes)
    for notice in found:
        notice.company_id, notice.run_id, notice.created_at = run.company_id, run.pk, now
    return found


def as_rows(notices: Iterable[Outbox]) -> str:
    """Give notices as the JSON that `jsonb_to_recordset` makes rows of."""
    names = [field.attname for field in Outbox._meta.concrete_fields if not field.primary_key]
    rows = [{name: getattr(notice, name) for name in names} for notice in notices]
    return json.dumps(rows, cls=DjangoJSONEncoder)


def _of_ride(change: Change) -> tuple[NoticeKind, dict[str, Any]] | None:
    before, after = change.current, change.row
    if after is None:
        return None if before is None else (NoticeKind.RIDE_LOST, {"before": _ride(before)})
    if before is None:
        return NoticeKind.RIDE_PLANNED, _ride(after)
    if _ride(before) == _ride(after):
        return None  # another layout, or another end of the service: nothing a client notices
    return NoticeKind.RIDE_CHANGED, _ride(after) | {"before": _ride(before)}


def _ride(row: Assignment) -> dict[str, Any]:
    return {
        "driver": row.driver_id,
        "pickup_at": row.pickup_at.astimezone(UTC),
        "delivery_at": row.delivery_at.astimezone(UTC),
    }


def _of_routes(changes: Sequence[Change]) -> Iterator[Outbox]:
    drivers: dict[int, int] = {}
    routes: dict[int, dict[str, list[int]]] = {}
    for change in changes:
        entered = {row.shift_id: row.driver_id for row in (change.row,) if row is not None}
        left = {row.shift_id: row.driver_id for row in (change.current,) if row is not None}
        drivers |= left | entered
        for shift in entered.keys() | left.keys():
            what = "changed" if shift in left else "added"
            what = what if shift in entered else "removed"
            route = routes.setdefault(shift, {"added": [], "changed": [], "removed": []})
            route[what].append(change.booking_id)
    for shift, route in sorted(routes.items()):
        yield Outbox(
            kind=NoticeKind.ROUTE_CHANGED,
            audience=Audience.DRIVER,
            driver_id=drivers[shift],
            details={"shift": shift} | {what: sorted(ids) for what, ids in route.items()},
        )
