"""What the company has whatever the day: places, partners, sign-ins, drivers and vehicles.

All of it is made once and then left alone, so a person may change it. The seed knows its own
drivers by their e-mail and its vehicles by their plates, both numbered.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count, islice

from accounts.models import Company, Partner, PartnerAgreement, Role, User
from atmr import clock
from dispatch.demo.geneva import spots
from dispatch.demo.roster import VEHICLES, driver_kind, driver_name, driver_skills
from dispatch.models import DispatchPolicy
from fleet.models import (
    Absence,
    DocumentKind,
    Driver,
    DriverDocument,
    GeoOrigin,
    LicenceCategory,
    Place,
    PlaceKind,
    Shift,
    Vehicle,
    VehicleLayout,
)

SLUG = "demo"
DOMAIN = "demo.example"
PARTNERS = ("Réseau de soins du Léman", "Assurance Arve Santé", "Foyers du Salève")
SIGN_INS = {
    Role.MANAGER: f"manager@{DOMAIN}",
    Role.DISPATCHER: f"dispatcher@{DOMAIN}",
    Role.VIEWER: f"viewer@{DOMAIN}",
}
KINDS = {
    "hospital": PlaceKind.HOSPITAL,
    "clinic": PlaceKind.CLINIC,
    "dialysis": PlaceKind.DIALYSIS,
    "practice": PlaceKind.PRACTICE,
    "nursing_home": PlaceKind.NURSING_HOME,
    "depot": PlaceKind.BASE,
}


@dataclass(frozen=True)
class SignIn:
    """A person who signs in; the password is known only when it has just been made."""

    email: str
    role: str
    password: str | None


def ensure_company() -> Company:
    """Give the demonstration company, locked: two who seed at once go one after the other."""
    base = spots("depot")[0]
    company, _ = Company.objects.select_for_update(no_key=True).get_or_create(
        slug=SLUG,
        defaults={
            "name": "Transports Démo Genève",
            "base_lat": base.lat,
            "base_lon": base.lon,
        },
    )
    DispatchPolicy.objects.get_or_create(company=company)
    return company


def ensure_places(company: Company) -> dict[str, Place]:
    """Give the public places by name."""
    public = spots(*KINDS)
    names = [spot.name for spot in public]
    found = {place.name: place for place in _named_places(company, names)}
    Place.objects.bulk_create(
        Place(
            company=company,
            name=spot.name,
            kind=KINDS[spot.kind],
            lat=spot.lat,
            lon=spot.lon,
            geo_origin=GeoOrigin.IMPORT,
        )
        for spot in public
        if spot.name not in found
    )
    return {place.name: place for place in _named_places(company, names)}


def _named_places(company: Company, names: Sequence[str]) -> Iterable[Place]:
    # Two places of one name: the older one counts.
    return Place.objects.for_company(company).filter(name__in=names).order_by("-pk")


def ensure_partners(company: Company) -> list[Partner]:
    known = {partner.name: partner for partner in Partner.objects.for_company(company)}
    for number, name in enumerate(PARTNERS):
        if name not in known:
            known[name] = Partner.objects.create(name=name, email=f"partner{number + 1}@{DOMAIN}")
            PartnerAgreement.objects.create(company=company, partner=known[name])
    return [known[name] for name in PARTNERS]


def ensure_sign_ins(company: Company) -> list[SignIn]:
    """Make the sign-ins that are missing, all with one new password."""
    known = set(User.objects.filter(email__in=SIGN_INS.values()).values_list("email", flat=True))
    password = secrets.token_urlsafe(12)
    for role, email in SIGN_INS.items():
        if email not in known:
            User.objects.create_user(email, password, role=role, company=company, name=role.label)
    return [
        SignIn(email, role.value, None if email in known else password)
        for role, email in SIGN_INS.items()
    ]


def ensure_crew(company: Company, day: date, drivers: int) -> dict[int, tuple[Driver, Vehicle]]:
    """Give so many drivers by number, each with a vehicle, free for the whole of `day`."""
    free = set(islice(_free_numbers(company, day), drivers))
    _make_drivers(company, free - drivers_by_number(company).keys())
    _make_vehicles(company, free - _vehicles(company).keys())
    people, fleet = drivers_by_number(company), _vehicles(company)
    return {number: (people[number], fleet[number]) for number in sorted(free)}


def _free_numbers(company: Company, day: date) -> Iterable[int]:
    people, fleet = drivers_by_number(company), _vehicles(company)
    start, end = clock.day_bounds(day, company.tz)
    shifts = Shift.objects.for_company(company).planned().reaching_into(start, end)
    busy = set(shifts.values_list("driver_id", flat=True))
    away = Absence.objects.for_company(company).filter(starts_at__lt=end, ends_at__gt=start)
    busy |= set(away.values_list("driver_id", flat=True))
    taken = set(shifts.values_list("vehicle_id", flat=True))
    for number in count():
        driver, vehicle = people.get(number), fleet.get(number)
        if driver and (driver.pk in busy or not driver.active):
            continue
        if vehicle and (vehicle.pk in taken or not vehicle.active):
            continue
        yield number


def drivers_by_number(company: Company) -> dict[int, Driver]:
    """Give the drivers whom the seed made."""
    rows = Driver.objects.for_company(company).filter(email__regex=rf"^chauffeur\d+@{DOMAIN}$")
    return {int(row.email.removeprefix("chauffeur").split("@")[0]): row for row in rows}


def _vehicles(company: Company) -> dict[int, Vehicle]:
    rows = Vehicle.objects.for_company(company).filter(plate__regex=r"^DEMO \d+$")
    return {int(row.plate.removeprefix("DEMO ")): row for row in rows}


def _make_drivers(company: Company, numbers: Iterable[int]) -> None:
    drivers = Driver.objects.bulk_create(
        Driver(
            company=company,
            name=driver_name(number),
            kind=driver_kind(number),
            phone=f"+41 79 000 {number // 100 % 100:02} {number % 100:02}",
            email=f"chauffeur{number:03}@{DOMAIN}",
            licence_categories=[LicenceCategory.B, LicenceCategory.B121],
            skills=driver_skills(number),
        )
        for number in sorted(numbers)
    )
    DriverDocument.objects.bulk_create(
        DriverDocument(
            driver=driver, kind=kind, expires_day=date(2036 + place % 4, 1 + place % 12, 28)
        )
        for place, driver in enumerate(drivers)
        for kind in (DocumentKind.LICENCE, DocumentKind.PROFESSIONAL, DocumentKind.MEDICAL)
    )


def _make_vehicles(company: Company, numbers: Iterable[int]) -> None:
    patterns = {number: VEHICLES[number % len(VEHICLES)] for number in sorted(numbers)}
    vehicles = Vehicle.objects.bulk_create(
        Vehicle(
            company=company,
            plate=f"DEMO {number:03}",
            name=pattern.name,
            equipment=list(pattern.equipment),
            licence_category=pattern.licence,
            inspection_day=date(2036 + number % 4, 1 + number % 12, 28),
        )
        for number, pattern in patterns.items()
    )
    VehicleLayout.objects.bulk_create(
        VehicleLayout(
            vehicle=vehicle,
            name=layout.name,
            seats=layout.seats,
            wheelchairs=layout.wheelchairs,
            stretchers=layout.stretchers,
            seat_in_wheelchair_place=layout.seat_in_wheelchair_place,
        )
        for vehicle, pattern in zip(vehicles, patterns.values(), strict=True)
        for layout in pattern.layouts
    )
