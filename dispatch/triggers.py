"""What assignments must never contradict."""

import pgtrigger
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError


class NotOfThisShift(DomainError):
    message = _("The shift is cancelled, or has another driver or vehicle. Choose another shift.")
    constraints = ("assignment_driver_of_shift",)


class ShiftHasRides(DomainError):
    message = _("The shift has rides that need it as it is. Move them or take them back first.")
    constraints = ("shift_keeps_rides",)


def driver_of_shift() -> list[pgtrigger.Trigger]:
    """An assignment's driver is its shift's, and its layout its shift's vehicle's.

    Live work needs a shift that takes place, and holds it until the transaction ends: else a change
    of its driver could pass by unseen. To end an assignment asks nothing: its shift may have been
    given to somebody else since. Rows that are entered are asked about together.
    """
    refuse = """
            RAISE EXCEPTION 'driver or layout is not of the shift, or the shift is cancelled'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_driver_of_shift',
                  TABLE = TG_TABLE_NAME;"""
    entered = pgtrigger.Trigger(
        name="driver_of_shift_entered",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        # Look-ups by id for each row, whatever the plan: it is kept for statements of any size.
        func=f"""
        PERFORM 1 FROM fleet_shift
        WHERE id = ANY (ARRAY(SELECT DISTINCT shift_id FROM new_rows WHERE status = 'live'))
        ORDER BY id FOR NO KEY UPDATE;
        IF EXISTS (
            SELECT 1 FROM new_rows r WHERE (
                SELECT s.driver_id = r.driver_id AND (s.status = 'planned' OR r.status <> 'live')
                    AND s.vehicle_id = (
                        SELECT l.vehicle_id FROM fleet_vehiclelayout l WHERE l.id = r.layout_id
                    )
                FROM fleet_shift s WHERE s.id = r.shift_id
            ) IS NOT TRUE
        ) THEN{refuse}
        END IF;
        RETURN NULL;""",
    )
    changed = pgtrigger.Trigger(
        name="driver_of_shift",
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf("shift_id", "driver_id", "layout_id", "status"),
        func=f"""
        IF NEW.status = 'live' THEN
            PERFORM 1 FROM fleet_shift WHERE id = NEW.shift_id FOR NO KEY UPDATE;
        ELSIF NEW.shift_id = OLD.shift_id
            AND NEW.driver_id = OLD.driver_id AND NEW.layout_id = OLD.layout_id
        THEN
            RETURN NEW;
        END IF;
        IF NOT EXISTS (
            SELECT 1 FROM fleet_shift s JOIN fleet_vehiclelayout l ON l.vehicle_id = s.vehicle_id
            WHERE s.id = NEW.shift_id AND s.driver_id = NEW.driver_id AND l.id = NEW.layout_id
            AND (s.status = 'planned' OR NEW.status <> 'live')
        ) THEN{refuse}
        END IF;
        RETURN NEW;""",
    )
    return [entered, changed]


def shift_keeps_rides() -> pgtrigger.Trigger:
    """A shift with live rides takes place, with the driver and the vehicle that they name.

    Asked when the transaction ends, so that the shift may change before its rides do.
    """
    return pgtrigger.Trigger(
        name="shift_keeps_rides",
        level=pgtrigger.Row,
        when=pgtrigger.After,
        timing=pgtrigger.Deferred,
        operation=pgtrigger.UpdateOf("driver_id", "vehicle_id", "status"),
        func="""
        IF EXISTS (
            SELECT 1 FROM dispatch_assignment a
            JOIN fleet_shift s ON s.id = a.shift_id
            JOIN fleet_vehiclelayout l ON l.id = a.layout_id
            WHERE a.shift_id = NEW.id AND a.status = 'live'
            AND (s.status <> 'planned' OR s.driver_id <> a.driver_id
                 OR s.vehicle_id <> l.vehicle_id)
        ) THEN
            RAISE EXCEPTION 'live rides name another driver or vehicle, or need the shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'shift_keeps_rides',
                  TABLE = TG_TABLE_NAME;
        END IF;
        RETURN NULL;""",
    )


def booking_of_run() -> pgtrigger.Trigger:
    """What a run could not assign is a booking of its company."""
    return pgtrigger.Trigger(
        name="same_company",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("run_id", "booking_id"),
        func="""
        IF (SELECT company_id FROM dispatch_dispatchrun WHERE id = NEW.run_id)
            IS DISTINCT FROM (SELECT company_id FROM bookings_booking WHERE id = NEW.booking_id)
        THEN
            RAISE EXCEPTION 'booking_id belongs to another company'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'same_company',
                  TABLE = TG_TABLE_NAME, COLUMN = 'booking_id';
        END IF;
        RETURN NEW;""",
    )


# Whoever reads a shift's version knows whether its route is still the one he planned with.
_BUMP = """
    UPDATE fleet_shift SET version = version + 1 WHERE id IN (
        SELECT shift_id FROM {rows} r WHERE r.status = 'live'
    );
    RETURN NULL;"""
_BOTH = "(SELECT shift_id, status FROM old_rows UNION ALL SELECT shift_id, status FROM new_rows)"


def route_changes() -> list[pgtrigger.Trigger]:
    """A change of a shift's live assignments is a change of the shift."""
    return [
        _route_change("route_entered", pgtrigger.Insert, "new_rows", new="new_rows"),
        _route_change("route_left", pgtrigger.Delete, "old_rows", old="old_rows"),
        _route_change("route_moved", pgtrigger.Update, _BOTH, old="old_rows", new="new_rows"),
    ]


def _route_change(
    name: str, operation: pgtrigger.Operation, rows: str, **tables: str
) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables),
        func=_BUMP.format(rows=rows),
    )
