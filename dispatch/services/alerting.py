"""What a dispatcher must look at is raised once, however often runs see it."""

import json
from collections.abc import Sequence

from django.db import connection

from dispatch.darp.plan import Violation
from dispatch.darp.problem import Rule
from dispatch.models import Alert, DispatchPolicy

# An alert of the same kind and rule about the same ride that nobody has resolved yet says it all;
# that a ride is late is said once, whatever became of the alert.
_RAISE = """
INSERT INTO dispatch_alert (company_id, kind, booking_id, shift_id, run_id, details, raised_at)
SELECT n.company_id, n.kind, n.booking_id, n.shift_id, n.run_id, n.details, n.raised_at
FROM jsonb_to_recordset(%s::jsonb) AS n(
    company_id bigint, kind text, booking_id bigint, shift_id bigint, run_id bigint,
    details jsonb, raised_at timestamptz)
WHERE NOT EXISTS (
    SELECT 1 FROM dispatch_alert a
    WHERE a.company_id = n.company_id AND a.kind = n.kind
    AND (a.resolved_at IS NULL OR n.kind = 'late')
    AND a.booking_id IS NOT DISTINCT FROM n.booking_id
    AND a.shift_id IS NOT DISTINCT FROM n.shift_id
    AND a.details ->> 'rule' IS NOT DISTINCT FROM n.details ->> 'rule')"""


def is_alarm(violation: Violation, policy: DispatchPolicy) -> bool:
    """A client served a little after the window is reported, and is nobody's alarm."""
    timed = violation.rule in {Rule.PICKUP_WINDOW, Rule.DELIVERY_WINDOW}
    return not timed or violation.amount >= 60 * policy.late_after_min


def raise_once(alerts: Sequence[Alert]) -> None:
    """Store, in one statement, the alerts that are not open already."""
    if not alerts:
        return
    rows = [
        {
            "company_id": alert.company_id,
            "kind": alert.kind,
            "booking_id": alert.booking_id,
            "shift_id": alert.shift_id,
            "run_id": alert.run_id,
            "details": alert.details,
            "raised_at": alert.raised_at.isoformat(),
        }
        for alert in alerts
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [json.dumps(rows)])
