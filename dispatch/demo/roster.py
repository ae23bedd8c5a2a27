"""Who drives what, from when to when: the same pattern of ten, over and over."""

from dataclasses import dataclass
from random import Random

from fleet.models import AbsenceKind, DriverKind, Equipment, LicenceCategory, Skill

FIRST_NAMES = (
    "Alba", "Bruno", "Céleste", "Dario", "Elsa", "Fausto", "Gilda", "Hugo", "Inès", "Jonas",
    "Karim", "Lou", "Mila", "Nino", "Olga", "Pavel", "Quentin", "Rita", "Sami", "Tania",
)  # fmt: skip
LAST_NAMES = (
    "Arveyron", "Bachasson", "Corbeyrier", "Drizant", "Etournel", "Foronel", "Grangier",
    "Hermancin", "Jussiot", "Lancier", "Meyrinet",
)  # fmt: skip


@dataclass(frozen=True)
class LayoutPattern:
    name: str
    seats: int
    wheelchairs: int = 0
    stretchers: int = 0
    seat_in_wheelchair_place: bool = False


@dataclass(frozen=True)
class VehiclePattern:
    name: str
    licence: LicenceCategory
    layouts: tuple[LayoutPattern, ...]
    equipment: tuple[Equipment, ...] = ()


CAR = VehiclePattern("Berline", LicenceCategory.B, (LayoutPattern("Passagers", 3),))
VAN = VehiclePattern(
    "Minibus",
    LicenceCategory.B121,
    (
        LayoutPattern("Un fauteuil", 4, 1, seat_in_wheelchair_place=True),
        LayoutPattern("Deux fauteuils", 2, 2),
    ),
    (Equipment.RAMP,),
)
VAN_WITH_OXYGEN = VehiclePattern(
    "Minibus oxygène", VAN.licence, VAN.layouts, (Equipment.RAMP, Equipment.OXYGEN)
)
STRETCHER_VAN = VehiclePattern(
    "Fourgon civière",
    LicenceCategory.B121,
    (LayoutPattern("Civière", 2, 0, 1), LayoutPattern("Fauteuils", 3, 2)),
    (Equipment.LIFT, Equipment.OXYGEN),
)
VEHICLES = (
    STRETCHER_VAN, VAN_WITH_OXYGEN, CAR, VAN, CAR, VAN, CAR, VAN_WITH_OXYGEN, CAR, CAR,
)  # fmt: skip


@dataclass(frozen=True)
class ShiftPattern:
    """Times in minutes of the day: start, end, length of the break and its window."""

    start: int
    end: int
    break_min: int
    break_from: int
    break_until: int


SHIFTS = (
    ShiftPattern(420, 1020, 45, 660, 840),  # 07:00-17:00
    ShiftPattern(510, 1110, 45, 720, 900),  # 08:30-18:30
    ShiftPattern(360, 900, 30, 570, 750),  # 06:00-15:00
    ShiftPattern(420, 1020, 45, 690, 870),  # 07:00-17:00
    ShiftPattern(600, 1140, 30, 780, 960),  # 10:00-19:00
    ShiftPattern(390, 990, 45, 630, 810),  # 06:30-16:30
    ShiftPattern(540, 1140, 45, 750, 930),  # 09:00-19:00
    ShiftPattern(360, 930, 45, 600, 780),  # 06:00-15:30
    ShiftPattern(450, 1050, 45, 690, 870),  # 07:30-17:30
    ShiftPattern(480, 1050, 45, 690, 870),  # 08:00-17:30
)


@dataclass(frozen=True)
class AbsencePattern:
    """Away for a part of the day that is no part of the shift; minutes of the day."""

    kind: AbsenceKind
    start: int
    end: int
    note: str


def driver_name(number: int) -> str:
    first = FIRST_NAMES[number % len(FIRST_NAMES)]
    last = LAST_NAMES[(number + number // len(FIRST_NAMES)) % len(LAST_NAMES)]
    # Beyond the names there are, a number keeps people apart on the screens.
    round_trip = number // (len(FIRST_NAMES) * len(LAST_NAMES))
    return f"{first} {last}" + (f" {round_trip + 1}" if round_trip else "")


def driver_kind(number: int) -> DriverKind:
    return DriverKind.RESERVE if number % 10 == 9 else DriverKind.REGULAR


def driver_skills(number: int) -> list[Skill]:
    """Everybody is trained for what the vehicle of the same number carries."""
    vehicle = VEHICLES[number % len(VEHICLES)]
    skills = [Skill.WHEELCHAIR]
    if any(layout.stretchers for layout in vehicle.layouts):
        skills.append(Skill.STRETCHER)
    if Equipment.OXYGEN in vehicle.equipment:
        skills.append(Skill.OXYGEN)
    if number % 3 == 0:
        skills.append(Skill.STAIRS)
    return skills


def invent_absence(rng: Random, shift: ShiftPattern) -> AbsencePattern:
    """Keep a driver away before or after work: a course, or a doctor."""
    if shift.start >= 540:
        return AbsencePattern(AbsenceKind.TRAINING, shift.start - 120, shift.start - 30, "Cours")
    start = shift.end + rng.choice((0, 30, 60))
    return AbsencePattern(AbsenceKind.OTHER, start, start + 120, "Rendez-vous privé")
