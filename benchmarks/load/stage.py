"""Who works on what while the load runs: companies, their day, and people who may sign in."""

import math
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from io import StringIO
from itertools import cycle, islice
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import transaction

from accounts.models import Company, Role, User
from atmr import clock
from benchmarks import companies
from benchmarks.days import vacuum
from bookings.models import Booking, BookingEvent, Client
from dispatch.demo import seeding
from dispatch.models import Assignment
from dispatch.services import planning
from fleet.models import Place, Shift

WORKING = ("load-1", "load-2")
NAME = "Made by the load of a day"
BOOKINGS_A_DAY = 150
DRIVERS = 15
# A history made here when there is none: years only if so many bookings are asked for.
SMALL = 30_000
COMPANIES = 3
LONGEST_DAYS = 730
A_DAY = 100
DOMAIN = "load.example"
TERMS = 40
ROLES = (Role.DISPATCHER, Role.DISPATCHER, Role.MANAGER)


@dataclass(frozen=True)
class Person:
    """Somebody who signs in, from an address of their own."""

    email: str
    password: str
    address: str
    slug: str
    day: str
    acts: bool
    terms: list[str]


@dataclass(frozen=True)
class Stage:
    """All that the people at the consoles need to know."""

    think_s: tuple[float, float]
    seconds: int
    people: list[Person] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@contextmanager
def stage(
    *, users: int, seconds: int, think_s: tuple[float, float], now: datetime
) -> Iterator[Stage]:
    """Make the working companies and everybody's sign-in; take all of it away afterwards.

    :raises NotOurCompany: somebody's company has the short name of a working one.
    """
    _clear()
    try:
        working = [_open(slug, now) for slug in WORKING]
        past = list(Company.objects.filter(slug__startswith="history-").order_by("slug"))
        vacuum(Assignment, Booking, BookingEvent, Client, Place, Shift, analyze=True)
        yield Stage(think_s, seconds, _people(users, working, past, now))
    finally:
        _clear()


def _clear() -> None:
    for slug in WORKING:
        companies.remove(slug, NAME)
    User.objects.filter(email__endswith=f"@{DOMAIN}").delete()


def _open(slug: str, now: datetime) -> Company:
    """Make a company with a day of bookings, planned in the morning and applied."""
    with transaction.atomic():
        company = companies.open_company(slug, NAME)
        day = clock.local_day(now, company.tz)
        morning = clock.day_bounds(day, company.tz)[0]
        seeding.fill_day(
            company=company,
            day=day,
            bookings=BOOKINGS_A_DAY,
            drivers=DRIVERS,
            seed=0,
            now=morning,
        )
    planning.plan_day(company=company, day=day, now=morning, apply=True, iterations=0)
    return company


def _people(users: int, working: list[Company], past: list[Company], now: datetime) -> list[Person]:
    """Put every second person into a working company, the others where the years are."""
    password = secrets.token_urlsafe(12)
    hashed = make_password(password)  # one for all: to hash is slow on purpose
    tenants = _in_turn(working, past, users)
    terms = {tenant.pk: _terms(tenant) for tenant in set(tenants)}
    people = [
        Person(
            email=f"person{number}@{DOMAIN}",
            password=password,
            address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            slug=tenant.slug,
            day=_day(tenant, now).isoformat(),
            acts=tenant in working,
            terms=terms[tenant.pk],
        )
        for number, tenant in enumerate(tenants, start=1)
    ]
    User.objects.bulk_create(
        User(email=person.email, password=hashed, role=role, company=tenant)
        for person, tenant, role in zip(people, tenants, cycle(ROLES), strict=False)
    )
    return people


def _in_turn(working: list[Company], past: list[Company], users: int) -> list[Company]:
    pairs = zip(cycle(working), cycle(past or working), strict=False)
    return [tenant for pair in islice(pairs, -(-users // 2)) for tenant in pair][:users]


def _day(company: Company, now: datetime) -> date:
    """Give the day that people look at: today where there is work, else the last one with any."""
    today = clock.local_day(now, company.tz)
    return today if company.slug in WORKING else today - timedelta(days=1)


def _terms(company: Company) -> list[str]:
    """Give what is typed into the search: the beginning of a client's family name."""
    names = Client.objects.for_company(company).order_by("-pk")[:TERMS]
    return [client.name.split()[-1][:6] for client in names] or ["a"]


def ensure_history(*, wanted: int | None, say: Callable[[str], None]) -> int:
    """Give the bookings of the histories; make one where there is none, or less than wanted."""
    of_history = Booking.objects.filter(company__slug__startswith="history-")
    found = of_history.count()
    if found and found >= (wanted or 0):
        return found
    size = wanted or SMALL
    days = min(LONGEST_DAYS, max(1, size // (COMPANIES * A_DAY)))
    a_day = math.ceil(size / (COMPANIES * days))
    say(f"Making a history: {days} days of {COMPANIES} companies, {a_day} bookings a day each.")
    call_command(
        "seed_history", days=days, companies=COMPANIES, bookings_per_day=a_day, json=True,
        allow_production=True, stdout=StringIO(),
    )  # fmt: skip
    return of_history.count()
