"""A shift and an absence of its driver never overlap, whoever enters them first."""

import pgtrigger
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError


class DriverIsAbsent(DomainError):
    message = _("The driver is absent at this time. Choose another driver, or other times.")
    constraints = ("shift_outside_absence",)


class DriverHasShift(DomainError):
    message = _("The driver has a shift at this time. Shorten or cancel the shift first.")
    constraints = ("absence_outside_shift",)


# Two transactions that each check before the other commits would both pass: the driver's row is
# the gate through which they go one after the other.
_LOCK = "PERFORM 1 FROM fleet_driver WHERE id = NEW.driver_id FOR NO KEY UPDATE;"


def _refuse(constraint: str, message: str) -> str:
    return f"""
        RAISE EXCEPTION '{message}'
        USING ERRCODE = 'exclusion_violation', CONSTRAINT = '{constraint}',
              TABLE = TG_TABLE_NAME;"""


def shift_outside_absence() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="shift_outside_absence",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert
        | pgtrigger.UpdateOf("driver_id", "starts_at", "ends_at", "status"),
        condition=pgtrigger.Q(new__status="planned"),
        func=f"""
        {_LOCK}
        IF EXISTS (
            SELECT 1 FROM fleet_absence a WHERE a.driver_id = NEW.driver_id
            AND a.starts_at < NEW.ends_at AND a.ends_at > NEW.starts_at
        ) THEN {_refuse("shift_outside_absence", "the driver is absent during the shift")}
        END IF;
        RETURN NEW;""",
    )


def absence_outside_shift() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="absence_outside_shift",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("driver_id", "starts_at", "ends_at"),
        func=f"""
        {_LOCK}
        IF EXISTS (
            SELECT 1 FROM fleet_shift s WHERE s.driver_id = NEW.driver_id
            AND s.status = 'planned'
            AND s.starts_at < NEW.ends_at AND s.ends_at > NEW.starts_at
        ) THEN {_refuse("absence_outside_shift", "the driver has a shift during the absence")}
        END IF;
        RETURN NEW;""",
    )
