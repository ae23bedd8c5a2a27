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
