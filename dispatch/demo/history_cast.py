"""Who and what a company of the history has, from its first day on: places, clients, a fleet."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from random import Random

from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Language, Partner, PartnerAgreement, Role, User
from atmr.errors import DomainError
from bookings.models import Client, Mobility
from dispatch.demo.geneva import Spot, choose_near, drive_min, spots
from dispatch.demo.people import Person, invent_people
from dispatch.demo.roster import VEHICLES, driver_kind, driver_name, driver_skills
from dispatch.demo.staff import KINDS
from dispatch.models import DispatchPolicy
from dispatch.services import policies
from fleet.models import (
    DocumentKind,
    Driver,
    DriverDocument,
    GeoOrigin,
    LicenceCategory,
    Place,
    PlaceKind,
    Vehicle,
    VehicleLayout,
)

SLUG, NAME, DOMAIN = "history-{}", "Historique {}", "history.example"
PARTNERS = ("Clinique du Bout-du-Lac", "Assurance Voirons Santé", "Foyers de l'Arve")
# A client rides every tenth day; a driver carries ten clients on a day, at the busiest.
CLIENTS_PER_BOOKING = 10
RIDES_PER_DRIVER = 10
BUSIEST = 1.4
_VISITED = ("hospital", "clinic", "dialysis", "practice", "nursing_home")


class CompanyTaken(DomainError):
    message = _("The company “%(slug)s” was not made by a history. Rename it first.")


@dataclass(frozen=True)
class Rider:
    """A client, and where the rides go: places by id, each with the minutes it takes."""

    client: int
    home: int
    floor: str
    partner: int | None
    mobility: str
    companions: int
    there: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Crew:
    """A driver with the vehicle of the same number: the layout that carries each mobility."""

    driver: int
    vehicle: int
    layouts: dict[str, int]
    base: int


@dataclass(frozen=True)
class Cast:
    """Ids of all that the days of a company draw from."""

    company: Company
    dispatcher: int
    settings: str
    riders: dict[str, list[Rider]]
    crews: list[Crew]
    written: dict[str, int]


def ensure_companies(count: int) -> list[Company]:
    """Give the companies history-1 to history-N with their policies, partners and sign-ins.

    :raises CompanyTaken: such a company exists and is somebody's.
    """
    names = {SLUG.format(n): NAME.format(n) for n in range(1, count + 1)}
    known = dict(Company.objects.filter(slug__in=names).values_list("slug", "name"))
    for slug, name in known.items():
        if name != names[slug]:
            raise CompanyTaken(slug=slug)
    base = spots("depot")[0]
    Company.objects.bulk_create(
        Company(slug=slug, name=name, base_lat=base.lat, base_lon=base.lon)
        for slug, name in names.items()
        if slug not in known
    )
    companies = list(Company.objects.filter(slug__in=names).order_by("pk"))
    DispatchPolicy.objects.bulk_create(
        (DispatchPolicy(company=company) for company in companies), ignore_conflicts=True
    )
    PartnerAgreement.objects.bulk_create(
        (
            PartnerAgreement(company=company, partner=partner)
            for company in companies
            for partner in _ensure_partners()
        ),
        ignore_conflicts=True,
    )
    # Who made the moves of the past. Nobody signs in with these: they have no password.
    User.objects.bulk_create(
        (
            User(
                email=_dispatcher_of(company),
                role=Role.DISPATCHER,
                company=company,
                name=str(Role.DISPATCHER.label),
                password=make_password(None),
            )
            for company in companies
        ),
        ignore_conflicts=True,
    )
    rows = Company.objects.filter(slug__in=names).select_related("policy")
    return sorted(rows, key=lambda company: list(names).index(company.slug))


def _dispatcher_of(company: Company) -> str:
    return f"dispatcher@{company.slug}.example"


def _ensure_partners() -> list[Partner]:
    emails = {f"partner{n}@{DOMAIN}": name for n, name in enumerate(PARTNERS, start=1)}
    known = set(Partner.objects.filter(email__in=emails).values_list("email", flat=True))
    Partner.objects.bulk_create(
        Partner(email=email, name=name) for email, name in emails.items() if email not in known
    )
    return list(Partner.objects.filter(email__in=emails).order_by("pk"))


def make_cast(
    *, company: Company, number: int, bookings_per_day: int, first_day: date, seed: int
) -> Cast:
    """Give a company its people, places and vehicles; the same arguments give the same ones."""
    rng = Random(f"{seed} {number}")  # noqa: S311 - a game of chance, no secret
    people = list(
        islice(invent_people(rng, first_day), max(20, bookings_per_day * CLIENTS_PER_BOOKING))
    )
    places = _make_places(company, people)
    riders = _make_riders(rng, company, people, places, _ensure_partners())
    crews = _ensure_crews(
        company, places, max(2, int(bookings_per_day * BUSIEST) // RIDES_PER_DRIVER)
    )
    dispatcher = User.objects.for_company(company).filter(email=_dispatcher_of(company))
    return Cast(
        company=company,
        dispatcher=dispatcher.values_list("pk", flat=True)[0],
        settings=json.dumps(policies.as_settings(company.policy)),
        riders=riders,
        crews=crews,
        written={
            Place._meta.db_table: len(places),
            Client._meta.db_table: len(people),
        },
    )


def _make_places(company: Company, people: list[Person]) -> dict[Spot, int]:
    everywhere = (*spots(*KINDS), *(person.home for person in people))
    rows = Place.objects.bulk_create(
        (
            Place(
                company=company,
                name=spot.name,
                kind=KINDS.get(spot.kind, PlaceKind.HOME),
                address=spot.name if spot.kind == "home" else "",
                lat=spot.lat,
                lon=spot.lon,
                geo_origin=GeoOrigin.GEOCODER if spot.kind == "home" else GeoOrigin.IMPORT,
            )
            for spot in everywhere
        ),
        batch_size=2_000,
    )
    return {spot: row.pk for spot, row in zip(everywhere, rows, strict=True)}


def _make_riders(
    rng: Random,
    company: Company,
    people: list[Person],
    places: dict[Spot, int],
    partners: list[Partner],
) -> dict[str, list[Rider]]:
    of_partner = [
        partners[n // 3 % len(partners)] if n % 3 == 0 else None for n in range(len(people))
    ]
    clients = Client.objects.bulk_create(
        (
            Client(
                company=company,
                partner=partner,
                name=person.name,
                birth_day=person.birth_day,
                phone=person.phone,
                language=Language(person.language),
                home_id=places[person.home],
                floor=person.floor,
                door_code=person.door_code,
                mobility=person.mobility,
                companions=person.companions,
                boarding_min=person.boarding_min,
                boarding_notes=person.boarding_notes,
            )
            for person, partner in zip(people, of_partner, strict=True)
        ),
        batch_size=2_000,
    )
    riders: dict[str, list[Rider]] = {mobility: [] for mobility in Mobility.values}
    for person, client in zip(people, clients, strict=True):
        there = [choose_near(rng, person.home, spots(*_VISITED)) for _place in range(2)]
        riders[person.mobility].append(
            Rider(
                client=client.pk,
                home=places[person.home],
                floor=person.floor,
                partner=client.partner_id,
                mobility=person.mobility.value,
                companions=person.companions,
                there=tuple((places[spot], round(drive_min(person.home, spot))) for spot in there),
            )
        )
    return riders


def _ensure_crews(company: Company, places: dict[Spot, int], number: int) -> list[Crew]:
    bases = [places[spot] for spot in spots("depot")]
    emails = [f"chauffeur{n:03}@{company.slug}.example" for n in range(number)]
    plates = [f"HIST {n:03}" for n in range(number)]
    _make_drivers(company, emails)
    _make_vehicles(company, plates)
    drivers = {row.email: row.pk for row in Driver.objects.for_company(company)}
    vehicles = {row.plate: row.pk for row in Vehicle.objects.for_company(company)}
    layouts = _layouts(company)
    return [
        Crew(drivers[email], vehicles[plate], layouts[vehicles[plate]], bases[n % len(bases)])
        for n, (email, plate) in enumerate(zip(emails, plates, strict=True))
    ]


def _make_drivers(company: Company, emails: Sequence[str]) -> None:
    known = set(Driver.objects.for_company(company).values_list("email", flat=True))
    drivers = Driver.objects.bulk_create(
        Driver(
            company=company,
            name=driver_name(n),
            kind=driver_kind(n),
            email=email,
            licence_categories=[LicenceCategory.B, LicenceCategory.B121],
            skills=driver_skills(n),
        )
        for n, email in enumerate(emails)
        if email not in known
    )
    DriverDocument.objects.bulk_create(
        DriverDocument(driver=driver, kind=kind, expires_day=date(2046, 1 + n % 12, 28))
        for n, driver in enumerate(drivers)
        for kind in (DocumentKind.LICENCE, DocumentKind.PROFESSIONAL)
    )


def _make_vehicles(company: Company, plates: Sequence[str]) -> None:
    known = set(Vehicle.objects.for_company(company).values_list("plate", flat=True))
    patterns = {
        plate: VEHICLES[n % len(VEHICLES)] for n, plate in enumerate(plates) if plate not in known
    }
    vehicles = Vehicle.objects.bulk_create(
        Vehicle(
            company=company,
            plate=plate,
            name=pattern.name,
            equipment=list(pattern.equipment),
            licence_category=pattern.licence,
            inspection_day=date(2046, 1 + n % 12, 28),
        )
        for n, (plate, pattern) in enumerate(patterns.items())
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


def _layouts(company: Company) -> dict[int, dict[str, int]]:
    """Give by vehicle which of its layouts carries each mobility."""
    found: dict[int, dict[str, int]] = {}
    for layout in VehicleLayout.objects.filter(vehicle__company=company).order_by("pk"):
        for mobility in _carries(layout):
            found.setdefault(layout.vehicle_id, {}).setdefault(mobility, layout.pk)
    return found


def _carries(layout: VehicleLayout) -> Iterator[str]:
    if layout.seats > 1:  # one rider, and somebody with him
        yield Mobility.WALKS
    if layout.wheelchairs:
        yield Mobility.FOLDING_WHEELCHAIR
        yield Mobility.WHEELCHAIR
    if layout.stretchers:
        yield Mobility.STRETCHER
