"""Of what an answer is made, as one short text that changes with it.

The text comes from the rows themselves, so whoever changes them and however, in bulk, in SQL, in
another process, changes it with them. Each row counts with its id, and with its `version` where it
has one; of tables without, the columns shown. A sum asks for no order.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connections, router

from accounts.models import Company
from bookings.models import Booking
from dispatch.models import DispatchRun

# Ids and versions say what a row holds in the life of one database, and not in that of another:
# the database itself is part of each.
_FIGURES = """
SELECT md5(ROW((SELECT oid FROM pg_database WHERE datname = current_database()),
    b.rows, e.latest, s.rows, s.around, r.rows, r.bookings, r.places, p.settings)::text)
FROM (
    SELECT sum(hashint8extended(id, version)) AS rows
    FROM bookings_booking
    WHERE company_id = %(company)s AND scheduled_at >= %(starts_at)s AND scheduled_at < %(ends_at)s
) b, (
    SELECT max(e.id) AS latest
    FROM bookings_booking b JOIN bookings_bookingevent e ON e.booking_id = b.id
    WHERE b.company_id = %(company)s
    AND b.scheduled_at >= %(starts_at)s AND b.scheduled_at < %(ends_at)s
) e, (
    SELECT sum(hashint8extended(s.id, s.version)) AS rows,
        sum(hashtextextended(concat_ws(' ', d.kind, o.lat, o.lon, t.lat, t.lon), s.id)) AS around
    FROM fleet_shift s
    JOIN fleet_driver d ON d.id = s.driver_id
    JOIN fleet_place o ON o.id = s.start_place_id
    JOIN fleet_place t ON t.id = s.end_place_id
    WHERE s.company_id = %(company)s
    AND s.starts_at >= %(starts_at)s AND s.starts_at < %(ends_at)s
) s, (
    SELECT sum(hashint8extended(a.id, a.version)) AS rows,
        sum(hashint8extended(b.id, b.version)) AS bookings,
        sum(hashtextextended(concat_ws(' ', o.lat, o.lon, t.lat, t.lon), a.id)) AS places
    FROM dispatch_assignment a
    JOIN bookings_booking b ON b.id = a.booking_id
    JOIN fleet_place o ON o.id = b.pickup_place_id
    JOIN fleet_place t ON t.id = b.delivery_place_id
    WHERE a.company_id = %(company)s AND a.status IN ('live', 'done')
    AND a.pickup_at >= %(starts_at)s AND a.pickup_at < %(until)s
) r LEFT JOIN (
    SELECT hashtextextended(p::text, 0) AS settings
    FROM dispatch_dispatchpolicy p WHERE p.company_id = %(company)s
) p ON true"""

_RESULT = """
SELECT md5(ROW((SELECT oid FROM pg_database WHERE datname = current_database()),
    r.row, a.rows, u.rows)::text)
FROM (
    SELECT hashtextextended(r::text, 0) AS row FROM dispatch_dispatchrun r WHERE id = %(run)s
) r, (
    SELECT sum(hashint8extended(id, version)) AS rows
    FROM dispatch_assignment WHERE dispatch_run_id = %(run)s
) a, (
    SELECT sum(hashtextextended(u::text, 0)) AS rows
    FROM dispatch_unassigned u WHERE run_id = %(run)s
) u"""


def of_figures(company: Company, starts_at: datetime, ends_at: datetime) -> str:
    """Give the version of the figures of a period, in one statement."""
    return _ask(
        _FIGURES,
        company=company.pk,
        starts_at=starts_at,
        ends_at=ends_at,
        until=ends_at + timedelta(days=1),
    )


def of_result(run: DispatchRun) -> str:
    """Give the version of what came of a run, in one statement."""
    return _ask(_RESULT, run=run.pk)


def _ask(sql: str, **parameters: Any) -> str:
    # Where the answer's rows are read: a replica that lags has an older version, and older rows.
    with connections[router.db_for_read(Booking)].cursor() as cursor:
        cursor.execute(sql, parameters)
        return str(cursor.fetchone()[0])
