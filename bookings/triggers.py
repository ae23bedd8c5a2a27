"""Every move of a booking's state is recorded by the database, whoever makes it and how.

The actor, the reason and the time reported come from the transaction's setting ``atmr.move``
(JSON: ``actor``, ``reason``, ``at``, ``reasons`` by booking id), which the trigger empties when it
has read it, so that it never answers for a later move. Without one, the event has neither.
"""

import pgtrigger

_RECORD = """
    move := NULLIF(current_setting('atmr.move', true), '')::jsonb;
    INSERT INTO bookings_bookingevent
        (booking_id, company_id, from_status, to_status, actor_id, reason, happened_at, recorded_at)
    SELECT n.id, n.company_id, {before}, n.status, (move ->> 'actor')::bigint,
        COALESCE(move -> 'reasons' ->> n.id::text, move ->> 'reason', ''),
        COALESCE((move ->> 'at')::timestamptz, clock_timestamp()), clock_timestamp()
    FROM new_rows n {join} ORDER BY n.id;
    PERFORM set_config('atmr.move', '', true);
    RETURN NULL;"""


def record_creation() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="record_creation",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        declare=[("move", "jsonb")],
        func=_RECORD.format(before="''", join=""),
    )


def record_move() -> pgtrigger.Trigger:
    changed = "JOIN old_rows o ON o.id = n.id AND o.status IS DISTINCT FROM n.status"
    body = _RECORD.format(before="o.status", join=changed)
    return pgtrigger.Trigger(
        name="record_move",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
        declare=[("move", "jsonb")],
        func=body,
    )
