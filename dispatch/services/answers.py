"""What is asked often and changes seldom, kept under the version of what it is made from.

The version is read before the rows, so what is kept under it is never older than it says; and again
after them, so it is not newer either. Kept are ids, instants and figures, nobody's name.
"""

from datetime import date
from typing import Any

from accounts.models import Company
from atmr import caching
from atmr.clock import day_bounds
from dispatch.metrics import reading
from dispatch.models import DispatchPolicy, DispatchRun
from dispatch.services import versions

FIGURES_S = 3600
RESULT_S = 1800


def figures_of_day(*, company: Company, day: date) -> dict[str, Any]:
    """Give the figures of a company's day (see `metrics.figures.Figures`)."""
    starts_at, ends_at = day_bounds(day, company.tz)
    version = versions.of_figures(company, starts_at, ends_at)
    # Another time zone of the company has other bounds, and so another key.
    bounds = f"{starts_at.timestamp():.0f}-{ends_at.timestamp():.0f}"
    answer: dict[str, Any] = caching.remember(
        f"figures:{company.pk}:{bounds}:{version}",
        seconds=FIGURES_S,
        make=lambda: make_figures(company=company, day=day),
        still_holds=lambda: versions.of_figures(company, starts_at, ends_at) == version,
    )
    return answer


def result_of_run(run: DispatchRun) -> dict[str, Any]:
    """Give what came of a run: its state and figures, who drives whom in it, and who is left."""
    version = versions.of_result(run)
    answer: dict[str, Any] = caching.remember(
        f"result:{run.pk}:{version}",
        seconds=RESULT_S,
        make=lambda: make_result(run.pk),
        still_holds=lambda: versions.of_result(run) == version,
    )
    return answer


def make_figures(*, company: Company, day: date) -> dict[str, Any]:
    """Make the figures of a day from its rows as they are."""
    # The caller's copy of the policy may be older than the version.
    policy = DispatchPolicy.objects.filter(company=company).first() or DispatchPolicy()
    found = reading.of_period(company=company, first_day=day, last_day=day, policy=policy)
    return found.as_json()


def make_result(run_id: int) -> dict[str, Any]:
    """Make the result of a run from its rows as they are."""
    run = DispatchRun.objects.get(pk=run_id)
    assignments = run.assignments.order_by("pickup_at", "id").values(
        *("id", "booking_id", "shift_id", "driver_id", "layout_id", "status", "sequence"),
        *("pickup_at", "delivery_at", "ends_at", "lock", "pool", "explanation"),
    )
    unassigned = run.unassigned.order_by("id").values("booking_id", "reason", "nearest_fix")
    return {
        "id": run.pk,
        "day": run.day,
        "state": run.state,
        "applied_at": run.applied_at,
        "undone_at": run.undone_at,
        "bookings": run.bookings,
        "assigned": run.assigned,
        "metrics": run.metrics,
        "cost": run.cost,
        "stale": run.stale,
        "assignments": [_named(dict(row)) for row in assignments],
        "unassigned": [_named(dict(row)) for row in unassigned],
    }


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """Name relations as the API does everywhere: by what they are, not by their column."""
    return {name.removesuffix("_id"): value for name, value in row.items()}
