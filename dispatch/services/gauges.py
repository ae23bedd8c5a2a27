"""Figures of dispatch for Prometheus: what runs count, and what one statement reads of a day."""

from collections.abc import Mapping
from typing import Any

from atmr.watching.metrics import CONFLICTS, RUN_BOOKINGS, RUN_SECONDS, RUNS
from bookings.states import OPEN
from dispatch.models import DispatchRun, RunState

# Name: what it says, and the label of its rows. Each is bounded by an index and a short time.
GAUGES = {
    "atmr_runs_today": ("Dispatch runs of today, in each company's own calendar.", "state"),
    "atmr_bookings_next_12h": ("Bookings of the next twelve hours, over all companies.", "status"),
    "atmr_companies_unplanned": (
        "Companies with a booking without a driver in the next twelve hours, and no run today.",
        "",
    ),
    "atmr_failed_tasks_last_day": ("Background tasks that failed in the last 24 hours.", "task"),
}

_READ = """
WITH today AS MATERIALIZED (
    SELECT c.id AS company_id, (now() AT TIME ZONE c.time_zone)::date AS day, p.mode
    FROM accounts_company c LEFT JOIN dispatch_dispatchpolicy p ON p.company_id = c.id
), runs AS MATERIALIZED (
    SELECT t.company_id, r.state
    FROM today t CROSS JOIN LATERAL (
        -- Without OFFSET the planner joins with all runs there ever were.
        SELECT state FROM dispatch_dispatchrun
        WHERE company_id = t.company_id AND day = t.day OFFSET 0
    ) r
), soon AS MATERIALIZED (
    SELECT company_id, status, time_confirmed FROM bookings_booking
    WHERE status = ANY(%(open)s)
      AND scheduled_at >= now() AND scheduled_at < now() + interval '12 hours'
)
SELECT 'atmr_runs_today', state, count(*) FROM runs GROUP BY state
UNION ALL
SELECT 'atmr_bookings_next_12h', status, count(*) FROM soon GROUP BY status
UNION ALL
SELECT 'atmr_companies_unplanned', '', count(*) FROM today t
WHERE t.mode IS DISTINCT FROM 'manual'
  AND EXISTS (SELECT FROM soon s WHERE s.company_id = t.company_id
      AND s.status = 'accepted' AND s.time_confirmed)
  AND NOT EXISTS (SELECT FROM runs r WHERE r.company_id = t.company_id)
UNION ALL
SELECT 'atmr_failed_tasks_last_day', coalesce(task_name, 'unknown'), count(*)
FROM django_celery_results_taskresult
WHERE status = 'FAILURE' AND date_done > now() - interval '1 day' GROUP BY task_name
"""


def read(cursor: Any) -> dict[str, dict[str, int]]:
    """Read all gauges by one statement."""
    found: dict[str, dict[str, int]] = {name: {} for name in GAUGES}
    found["atmr_runs_today"] = dict.fromkeys(RunState.values, 0)  # none is a figure too
    cursor.execute(_READ, {"open": [str(status) for status in OPEN]})
    for name, label, number in cursor.fetchall():
        found[name][label] = number
    return found


def count_state(run: DispatchRun) -> None:
    """Count that a run came to its state."""
    RUNS.labels(str(run.state), str(run.trigger)).inc()
    if run.state == RunState.APPLIED:
        count_conflict("stale", len(run.stale))


def count_run(run: DispatchRun) -> None:
    """Count a run that has ended, and what it decided."""
    count_state(run)
    RUN_BOOKINGS.labels("assigned").inc(run.assigned)
    RUN_BOOKINGS.labels("unassigned").inc(run.bookings - run.assigned)
    if run.state == RunState.REFUSED:
        count_conflict("refused")


def count_conflict(kind: str, times: int = 1) -> None:
    CONFLICTS.labels(kind).inc(times)


def time_phases(seconds: Mapping[str, float]) -> None:
    for phase, spent in seconds.items():
        RUN_SECONDS.labels(phase).observe(spent)
