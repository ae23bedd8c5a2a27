"""Who the demonstration carries. Everybody here is invented."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from bookings.models import Mobility
from dispatch.demo.geneva import Spot, invent_home

FIRST_NAMES = (
    "Adèle", "Agathe", "Aldo", "Alphonse", "Amélie", "Anselme", "Antonin", "Armande", "Arsène",
    "Astrid", "Aurèle", "Basile", "Béatrice", "Bérénice", "Blanche", "Carmen", "Casimir", "Cécile",
    "Clément", "Clotilde", "Corentin", "Denise", "Désiré", "Edmée", "Éloi", "Elvire", "Émile",
    "Ernestine", "Eugène", "Fabrice", "Félicie", "Fernand", "Flavien", "Gaspard", "Germaine",
    "Gilberte", "Gustave", "Hélène", "Honoré", "Hortense", "Irène", "Isidore", "Jasmine", "Joseph",
    "Justine", "Lazare", "Léonie", "Lucienne", "Marcel", "Mathilde", "Maxime", "Mélanie", "Nestor",
    "Noémie", "Octave", "Odette", "Paulette", "Prosper", "Raymond", "Rosalie", "Sidonie",
    "Théodore", "Urbain", "Victorine", "Yvonne", "Zélie",
)  # fmt: skip
LAST_NAMES = (
    "Abbondio", "Aubépin", "Bellerive", "Blanchepierre", "Boisclair", "Bonvallon", "Cassegrain",
    "Champfleuri", "Chantemerle", "Clairval", "Combremont", "Courtepaille", "Dardelle",
    "Esserteau", "Fauconnet", "Fontanelle", "Froidevallon", "Gentiane", "Grandpré", "Hautecombe",
    "Jolivaux", "Lamparin", "Lavigneron", "Longemalle", "Malbois", "Marronnier", "Merlinot",
    "Montbrillant", "Noirmoutet", "Orvalet", "Passerose", "Perdrigeon", "Pierrefleur", "Pontalet",
    "Quatrevaux", "Rochebrune", "Roncevard", "Sablonnet", "Sauvageot", "Sorbier", "Tavernelle",
    "Tournesol", "Valombreuse", "Vertbois", "Viradent", "Voirolet",
)  # fmt: skip
LANGUAGES = ("fr", "fr", "fr", "fr", "fr", "fr", "de", "en")


@dataclass(frozen=True)
class Person:
    """A client and how to carry them."""

    name: str
    birth_day: date
    phone: str
    language: str
    home: Spot
    floor: str
    door_code: str
    mobility: Mobility
    companions: int
    boarding_min: int
    boarding_notes: str
    oxygen: bool
    stairs: bool


def invent_people(rng: Random, day: date) -> Iterator[Person]:
    """Invent people without end; no two bear one name until every name is taken."""
    names = [f"{first} {last}" for last in LAST_NAMES for first in FIRST_NAMES]
    rng.shuffle(names)
    number = 0
    while True:
        yield _invent(rng, day, names[number % len(names)], number)
        number += 1


def _invent(rng: Random, day: date, name: str, number: int) -> Person:
    mobility = mobility_of(number)
    slow = number % 12 == 6
    return Person(
        name=name,
        birth_day=day - timedelta(days=rng.randint(45 * 365, 95 * 365)),
        phone=f"+41 22 000 {number // 100 % 100:02} {number % 100:02}",
        language=rng.choice(LANGUAGES),
        home=invent_home(rng),
        floor=rng.choice(("", "rez", "1", "2", "3", "4")),
        door_code=f"{rng.randint(0, 9999):04}A" if number % 3 == 0 else "",
        mobility=mobility,
        companions=1 if number % 8 == 5 else 0,
        boarding_min=5 if slow else 0,
        boarding_notes="Prendre le temps, marche avec une canne." if slow else "",
        oxygen=number % 25 == 3,
        stairs=number % 25 == 13,
    )


def mobility_of(number: int) -> Mobility:
    """Three in twenty ride in a wheelchair, folding or not, and one in forty lies."""
    match number % 40:
        case 2 | 15 | 28:
            return Mobility.FOLDING_WHEELCHAIR
        case 8 | 21 | 34:
            return Mobility.WHEELCHAIR
        case 19:
            return Mobility.STRETCHER
    return Mobility.WALKS
