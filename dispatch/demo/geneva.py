"""Where the demonstration takes place: public places, and communes to invent homes in."""

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from atmr.geo import distance_m

PLACES = Path(__file__).with_name("geneva_places.csv")
HOME_SPREAD_M = 700
# People go to what is near: at this distance, a quarter as often as next door.
NEARNESS_KM = 2
STREETS = (
    "chemin des Tilleuls", "rue du Lavoir", "avenue des Cèdres", "route du Moulin",
    "chemin de la Source", "rue des Artisans", "avenue du Verger", "chemin des Noyers",
    "rue de la Fontaine", "place du Four", "chemin du Ruisseau", "rue des Jardins",
)  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """A point on the map: of the file, or invented for a home."""

    name: str
    kind: str
    lat: float
    lon: float
    weight: float = 1


@cache
def spots(*kinds: str) -> tuple[Spot, ...]:
    """Give the places of these kinds, in the order of the file."""
    with PLACES.open(encoding="utf-8", newline="") as file:
        rows = [
            Spot(row["name"], row["kind"], float(row["lat"]), float(row["lon"]), int(row["weight"]))
            for row in csv.DictReader(file)
        ]
    return tuple(spot for spot in rows if spot.kind in kinds)


def invent_home(rng: Random) -> Spot:
    """Invent an address some way from the centre of a commune, drawn by its weight."""
    communes = spots("commune")
    commune = rng.choices(communes, [spot.weight for spot in communes])[0]
    away_m, angle = rng.uniform(100, HOME_SPREAD_M), rng.uniform(0, math.tau)
    lat = commune.lat + away_m * math.cos(angle) / 111_195
    lon = commune.lon + away_m * math.sin(angle) / (111_195 * math.cos(math.radians(commune.lat)))
    address = f"{rng.choice(STREETS)} {rng.randint(1, 60)}, {commune.name}"
    return Spot(address, "home", round(lat, 6), round(lon, 6))


def choose_near(rng: Random, origin: Spot, choices: tuple[Spot, ...]) -> Spot:
    """Draw one of `choices` by its weight and its nearness to `origin`, never `origin` itself."""
    others = [spot for spot in choices if spot != origin]
    weights = [spot.weight / (1 + crow_km(origin, spot) / NEARNESS_KM) ** 2 for spot in others]
    return rng.choices(others, weights)[0]


def crow_km(one: Spot, other: Spot) -> float:
    return distance_m(one.lat, one.lon, other.lat, other.lon) / 1000


def drive_min(one: Spot, other: Spot) -> float:
    """Estimate a drive in the town and out of it; a diary's slack makes up for the rest."""
    if one == other:
        return 0
    km = crow_km(one, other)
    return 1 + 3.4 * min(km, 2.2) + 2.2 * max(0, km - 2.2)
