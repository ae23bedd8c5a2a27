"""What a day asks for: dialysis, appointments and the way home, discharges, visits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from bookings.models import Anchor, Mobility, Priority
from dispatch.demo.geneva import choose_near, crow_km, invent_home, spots
from dispatch.demo.people import Person
from dispatch.demo.trips import Diaries, Trip
from fleet.models import Equipment, Skill

# From how many bookings on there are some that nobody can serve: one in a hundred.
UNSERVABLE_FROM = 50
TRIES = 20
DIALYSIS_STARTS = (420, 435, 450, 480, 750, 765, 780, 795)
DIALYSIS_MIN = 240

Draw = Callable[[Random, Person], list[Trip]]


@dataclass(frozen=True)
class Demand:
    """A day's trips in order of time, and what is known of them by construction."""

    trips: list[Trip]
    unservable: frozenset[Trip]
    overbooked: int


def invent_demand(
    rng: Random, *, bookings: int, people: Iterator[Person], diaries: Diaries
) -> Demand:
    """Invent exactly `bookings` dispatchable trips, and unconfirmed ways home beside them.

    Every trip but the unservable ones has its place in a diary, so the day can be planned; those
    that find none because there are too few drivers are counted as overbooked.
    """
    unservable = _unservable(rng, people, bookings)
    trips = list(unservable)
    overbooked = 0
    wanted = bookings - len(unservable)
    while wanted:
        legs, placed = _place(rng, next(people), diaries, most=wanted)
        overbooked += 0 if placed else len(legs)
        trips += legs
        wanted -= sum(leg.confirmed for leg in legs)
    trips.sort(key=lambda trip: trip.at)
    return Demand(trips, frozenset(unservable), overbooked)


def _place(rng: Random, person: Person, diaries: Diaries, *, most: int) -> tuple[list[Trip], bool]:
    draw = rng.choices(list(KINDS), list(KINDS.values()))[0]
    for _ in range(TRIES):
        legs = draw(rng, person)
        if sum(leg.confirmed for leg in legs) <= most and diaries.place(rng, legs):
            return legs, True
    for attempt in range(2 * TRIES):
        if attempt == TRIES:
            person = replace(person, mobility=Mobility.WALKS, companions=0, boarding_min=0)
        visit = _visit_between_others(rng, person, diaries)
        if diaries.place(rng, [visit]):
            return [visit], True
    return legs[:most], False


def _visit_between_others(rng: Random, person: Person, diaries: Diaries) -> Trip:
    """Invent a visit near where somebody has little to do, at that time."""
    anywhere = _visit(rng, person)[0]
    gap = diaries.idle(rng, anywhere)
    if gap is None:
        return anywhere
    length, start, before, behind = gap
    homes = [invent_home(rng) for _ in range(12)]
    neighbour = replace(person, home=min(homes, key=lambda home: crow_km(home, before)))
    homes.remove(neighbour.home)
    there = min(homes, key=lambda home: crow_km(home, behind))
    visit = Trip(neighbour, neighbour.home, there, Anchor.PICKUP, 0)
    spare = length - visit.busy[1]
    return replace(visit, at=round((start + max(0.0, spare) / 2) / 5) * 5)


def _dialysis(rng: Random, person: Person) -> list[Trip]:
    centre = choose_near(rng, person.home, spots("dialysis"))
    start = rng.choice(DIALYSIS_STARTS)
    out = Trip(
        person, person.home, centre, Anchor.ARRIVE_BY, start, start + DIALYSIS_MIN,
        priority=Priority.MEDICAL, in_series=True,
    )  # fmt: skip
    return [out, _way_home(out, start + DIALYSIS_MIN + 15)]


def _appointment(rng: Random, person: Person) -> list[Trip]:
    there = choose_near(rng, person.home, spots("hospital", "clinic", "practice"))
    peak, spread = rng.choice(((555, 60), (555, 60), (840, 75)))
    at = _around(rng, peak, spread, earliest=450, latest=1005, step=15)
    ends = at + rng.choice((30, 45, 60, 90, 120))
    out = Trip(person, person.home, there, Anchor.ARRIVE_BY, at, ends)
    if person.oxygen:
        out = replace(out, skills=(Skill.OXYGEN,), equipment=(Equipment.OXYGEN,))
    elif person.stairs:
        out = replace(out, skills=(Skill.STAIRS,), notes="Escalier sans ascenseur.")
    back = _way_home(out, ends + rng.choice((10, 15, 30)))
    kind = rng.random()
    if kind < 0.55:
        return [out, back]
    if kind < 0.75:
        return [out, replace(back, will_call=True)]
    if kind < 0.85:
        return [out, replace(back, will_call=True, confirmed=False)]
    return [out]


def _discharge(rng: Random, person: Person) -> list[Trip]:
    ward = choose_near(rng, person.home, spots("hospital", "clinic"))
    at = _around(rng, 690, 80, earliest=540, latest=1020)
    infectious = rng.random() < 0.05
    exclusive = infectious or rng.random() < 0.1
    home = Trip(person, ward, person.home, Anchor.PICKUP, at)
    return [replace(home, infectious=infectious, exclusive=exclusive)]


def _transfer(rng: Random, person: Person) -> list[Trip]:
    ward = choose_near(rng, person.home, spots("hospital"))
    there = choose_near(rng, ward, spots("hospital", "clinic", "nursing_home"))
    at = _around(rng, 780, 150, earliest=420, latest=1050)
    priority = rng.choice((Priority.MEDICAL, Priority.MEDICAL, Priority.URGENT))
    return [Trip(person, ward, there, Anchor.PICKUP, at, priority=priority)]


def _day_care(rng: Random, person: Person) -> list[Trip]:
    there = choose_near(rng, person.home, spots("nursing_home"))
    out = Trip(
        person, person.home, there, Anchor.PICKUP, _around(rng, 540, 30, earliest=480, latest=600)
    )
    return [out, _way_home(out, _around(rng, 960, 30, earliest=900, latest=1020))]


def _visit(rng: Random, person: Person) -> list[Trip]:
    at = _around(rng, 780, 180, earliest=405, latest=1080)
    friends = tuple(invent_home(rng) for _ in range(6))
    return [Trip(person, person.home, choose_near(rng, person.home, friends), Anchor.PICKUP, at)]


KINDS: dict[Draw, int] = {
    _dialysis: 14,
    _appointment: 46,
    _discharge: 16,
    _transfer: 8,
    _day_care: 8,
    _visit: 8,
}


def _way_home(out: Trip, at: int) -> Trip:
    return replace(
        out, pickup=out.delivery, delivery=out.pickup, anchor=Anchor.PICKUP, at=at, ends=None,
        outbound=out,
    )  # fmt: skip


def _around(
    rng: Random, middle: int, spread: int, *, earliest: int, latest: int, step: int = 5
) -> int:
    drawn = min(max(rng.gauss(middle, spread), earliest), latest)
    return round(drawn / step) * step


def _unservable(rng: Random, people: Iterator[Person], bookings: int) -> list[Trip]:
    """Ask for what no shift, no driver and no vehicle of the demonstration has."""
    number = max(1, bookings // 100) if bookings >= UNSERVABLE_FROM else 0
    impossible = (_beyond_training, _at_night, _beyond_equipment)
    return [impossible[i % len(impossible)](rng, next(people)) for i in range(number)]


def _beyond_training(rng: Random, person: Person) -> Trip:
    lying = replace(person, mobility=Mobility.STRETCHER, companions=0)
    return replace(_discharge(rng, lying)[0], skills=(Skill.BARIATRIC,))


def _at_night(rng: Random, person: Person) -> Trip:
    return replace(_transfer(rng, person)[0], at=195, priority=Priority.URGENT)


def _beyond_equipment(rng: Random, person: Person) -> Trip:
    return replace(_visit(rng, person)[0], equipment=(Equipment.STAIR_CHAIR,))
