"""What assignments must never contradict."""

import pgtrigger


def driver_of_shift() -> pgtrigger.Trigger:
    """An assignment's driver is its shift's, and its layout its shift's vehicle's."""
    return pgtrigger.Trigger(
        name="driver_of_shift",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("shift_id", "driver_id", "layout_id"),
        func="""
        IF NOT EXISTS (
            SELECT 1 FROM fleet_shift s JOIN fleet_vehiclelayout l ON l.vehicle_id = s.vehicle_id
            WHERE s.id = NEW.shift_id AND s.driver_id = NEW.driver_id AND l.id = NEW.layout_id
        ) THEN
            RAISE EXCEPTION 'driver or layout is not of the shift'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_driver_of_shift',
                  TABLE = TG_TABLE_NAME;
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
