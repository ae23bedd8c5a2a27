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


def driver_of_company() -> pgtrigger.Trigger:
    """A client's preferred or refused driver drives for the client's company."""
    return pgtrigger.Trigger(
        name="same_company",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        func="""
        IF (SELECT company_id FROM bookings_client WHERE id = NEW.client_id)
            IS DISTINCT FROM (SELECT company_id FROM fleet_driver WHERE id = NEW.driver_id)
        THEN
            RAISE EXCEPTION 'driver_id belongs to another company'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'same_company',
                  TABLE = TG_TABLE_NAME, COLUMN = 'driver_id';
        END IF;
        RETURN NEW;""",
    )


def erase_history() -> pgtrigger.Trigger:
    """Whoever deletes a client erases the person, from the tables of the past too."""
    return pgtrigger.Trigger(
        name="erase_history",
        when=pgtrigger.After,
        operation=pgtrigger.Delete,
        func="""
        DELETE FROM bookings_clienthistory WHERE pgh_obj_id = OLD.id;
        DELETE FROM bookings_preferreddriverhistory WHERE client_id = OLD.id;
        DELETE FROM bookings_refuseddriverhistory WHERE client_id = OLD.id;
        DELETE FROM bookings_bookingserieshistory WHERE client_id = OLD.id;
        DELETE FROM bookings_bookinghistory WHERE client_id = OLD.id;
        RETURN NULL;""",
    )


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
