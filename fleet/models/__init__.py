"""With what: places, drivers, vehicles, and time on duty."""

from fleet.models.absences import Absence, AbsenceKind, AbsenceQuerySet, Position
from fleet.models.duty import (
    BREAK,
    LONGEST_SHIFT,
    PLANNED,
    DocumentKind,
    Driver,
    DriverDocument,
    DriverKind,
    DriverQuerySet,
    Shift,
    ShiftQuerySet,
    ShiftStatus,
    Skill,
)
from fleet.models.places import (
    ON_DUTY,
    GeoOrigin,
    GeoQuality,
    Place,
    PlaceKind,
    PlaceQuerySet,
    TsTzRange,
)
from fleet.models.vehicles import (
    Equipment,
    LicenceCategory,
    Vehicle,
    VehicleLayout,
    VehicleQuerySet,
)

__all__ = [
    "BREAK",
    "LONGEST_SHIFT",
    "ON_DUTY",
    "PLANNED",
    "Absence",
    "AbsenceKind",
    "AbsenceQuerySet",
    "DocumentKind",
    "Driver",
    "DriverDocument",
    "DriverKind",
    "DriverQuerySet",
    "Equipment",
    "GeoOrigin",
    "GeoQuality",
    "LicenceCategory",
    "Place",
    "PlaceKind",
    "PlaceQuerySet",
    "Position",
    "Shift",
    "ShiftQuerySet",
    "ShiftStatus",
    "Skill",
    "TsTzRange",
    "Vehicle",
    "VehicleLayout",
    "VehicleQuerySet",
]
