"""What a dispatch run left in the database, in a form that two runs can be compared by."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.days import BenchDay
from bookings.models import Booking, BookingEvent
from dispatch.models import Alert, Assignment, AssignmentStatus, DispatchRun, Outbox, Unassigned

Outcome = dict[str, Any]

# What is not the same in two runs that do the same: numbers given by the database.
_OWN = {"id", "run_id", "dispatch_run_id", "created_at", "version", "pool"}
_LISTED = ("unassigned", "alerts", "notices")
_TIMED = {"timings", "finished_at"}


def outcome_of(day: BenchDay) -> Outcome:
    """Read everything that a run of the day wrote."""
    company = day.company
    run = DispatchRun.objects.for_company(company).latest("pk")
    rides = Assignment.objects.for_company(company)
    live = rides.filter(status=AssignmentStatus.LIVE)
    ended = rides.exclude(status=AssignmentStatus.LIVE)
    events = BookingEvent.objects.filter(company=company, pk__gt=day.last_event)
    said = {f"run {run.pk}": "this run"}
    return {
        "live assignments": _rows(live.values()),
        "pools": _pools(live),
        "written by the run": live.filter(dispatch_run=run).count(),
        "ended assignments": _rows(ended.values("booking_id", "shift_id", "status")),
        "ended by the run": ended.filter(ended_by_run=run).count(),
        "states": dict(Booking.objects.for_company(company).values_list("pk", "status")),
        "events": Counter(
            (pk, left, reached, said.get(reason, reason), at)
            for pk, left, reached, reason, at in events.values_list(
                "booking_id", "from_status", "to_status", "reason", "happened_at"
            )
        ),
        "unassigned": _rows(Unassigned.objects.filter(run=run).values()),
        "alerts": _rows(Alert.objects.for_company(company).values()),
        "notices": _rows(Outbox.objects.filter(run=run).values()),
        "run": _only(DispatchRun.objects.values().get(pk=run.pk), _OWN | _TIMED),
    }


def differences(ours: Outcome, theirs: Outcome) -> list[str]:
    """Name what is not the same in two outcomes."""
    return [name for name in ours if ours[name] != theirs[name]]


def rows_written(outcome: Outcome) -> int:
    """Count the rows that the run inserted or changed, its own among them."""
    rides: int = outcome["written by the run"] + outcome["ended by the run"]
    moves: int = 2 * outcome["events"].total()  # the booking, and the event of its move
    return rides + moves + sum(len(outcome[name]) for name in _LISTED) + 1


def _rows(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(repr(sorted(_only(row, _OWN).items())) for row in rows)


def _only(row: Mapping[str, Any], without: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in without}


def _pools(live: Iterable[Assignment]) -> list[list[int]]:
    """Who rides with whom: the names of pools are each run's own."""
    together: dict[Any, list[int]] = {}
    for ride in live:
        together.setdefault(ride.pool, []).append(ride.booking_id)
    return sorted(sorted(bookings) for bookings in together.values())
