"""What one booking of the demonstration asks for, and the diary that proves it can be done."""

from bisect import bisect, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from random import Random

from bookings.models import Anchor, Mobility, Priority
from dispatch.demo.geneva import Spot, drive_min
from dispatch.demo.people import Person
from dispatch.demo.roster import VEHICLES, LayoutPattern, ShiftPattern, driver_skills
from fleet.models import Equipment, Skill

# As the default policy has them; a diary keeps to them with room to spare.
SERVICE_MIN = 5
EXTRA_MIN = {
    Mobility.WALKS: 0,
    Mobility.FOLDING_WHEELCHAIR: 5,
    Mobility.WHEELCHAIR: 5,
    Mobility.STRETCHER: 10,
}
SLACK_MIN = 5
# How many drivers who could take a trip are compared before the nearest of them gets it.
COMPARED = 4

# A time with nothing to do: length, start, and the places before and behind.
Gap = tuple[float, float, Spot, Spot]


@dataclass(eq=False)
class Trip:
    """One booking to be; times in minutes of the day."""

    person: Person
    pickup: Spot
    delivery: Spot
    anchor: Anchor
    at: int
    ends: int | None = None
    priority: Priority = Priority.NORMAL
    outbound: "Trip | None" = None
    will_call: bool = False
    confirmed: bool = True
    in_series: bool = False
    skills: Sequence[Skill] = ()
    equipment: Sequence[Equipment] = ()
    exclusive: bool = False
    infectious: bool = False
    notes: str = ""

    @property
    def service_min(self) -> int:
        return SERVICE_MIN + EXTRA_MIN[self.person.mobility] + self.person.boarding_min

    @cached_property
    def busy(self) -> tuple[float, float]:
        """Give when a driver starts at the pickup and leaves the delivery, on time for all."""
        drive = drive_min(self.pickup, self.delivery)
        if self.anchor == Anchor.ARRIVE_BY:
            end = self.at - SLACK_MIN
            return end - 2 * self.service_min - drive, end
        return self.at, self.at + 2 * self.service_min + drive


@dataclass(order=True)
class _Block:
    start: float
    end: float
    first: Spot = field(compare=False)
    last: Spot = field(compare=False)


class Diary:
    """One driver's day as it might go: shows that everything promised to it fits."""

    def __init__(self, number: int, shift: ShiftPattern, base: Spot) -> None:
        self.number = number
        self.vehicle = VEHICLES[number % len(VEHICLES)]
        self.shift = shift
        self.base = base
        # In the middle of its window, wherever the driver is then.
        self.pause_start = (shift.break_from + shift.break_until - shift.break_min) / 2
        self.pause_end = self.pause_start + shift.break_min
        self._blocks = [
            _Block(shift.start, shift.start, base, base),
            _Block(shift.end, shift.end, base, base),
        ]

    def can_carry(self, trip: Trip) -> bool:
        return (
            set(trip.equipment) <= set(self.vehicle.equipment)
            and set(trip.skills) <= set(driver_skills(self.number))
            and any(_has_room(layout, trip) for layout in self.vehicle.layouts)
        )

    def detour_min(self, trip: Trip) -> float | None:
        """Give the minutes of empty driving that the trip would take, None if it does not fit."""
        start, end = trip.busy
        if start < self.shift.start or end >= self.shift.end:
            return None
        after = bisect(self._blocks, start, key=lambda block: block.start)
        before, behind = self._blocks[after - 1], self._blocks[after]
        if before.end > start or end > behind.start or self._in_pause(start, end):
            return None
        there = drive_min(before.last, trip.pickup)
        back = drive_min(trip.delivery, behind.first)
        fits = self._drives(before.end, start, there) and self._drives(end, behind.start, back)
        return there + back if fits else None

    def _in_pause(self, start: float, end: float) -> bool:
        return start < self.pause_end and self.pause_start < end

    def _drives(self, end: float, start: float, drive: float) -> bool:
        """Say whether a drive fits between two blocks, all of it before or after the break."""
        free = start - end
        if self._in_pause(end, start):
            free = max(self.pause_start - end, start - self.pause_end)
        return drive + SLACK_MIN <= free

    def enter(self, trip: Trip) -> None:
        start, end = trip.busy
        insort(self._blocks, _Block(start, end, trip.pickup, trip.delivery))

    def strike(self, trip: Trip) -> None:
        start, end = trip.busy
        self._blocks.remove(_Block(start, end, trip.pickup, trip.delivery))

    def longest_gap(self) -> Gap:
        """Give the longest time with nothing to do."""
        gaps = []
        for before, behind in pairwise(self._blocks):
            times = [before.end, behind.start]
            if self._in_pause(*times):
                times[1:1] = [self.pause_start, self.pause_end]
            for start, end in zip(times[::2], times[1::2], strict=True):
                gaps.append((end - start, start, before.last, behind.first))
        return max(gaps, key=lambda gap: gap[0])


def _has_room(layout: LayoutPattern, trip: Trip) -> bool:
    seats = trip.person.companions + (trip.person.mobility == Mobility.WALKS)
    if layout.seats < seats:
        return False
    match trip.person.mobility:
        case Mobility.WALKS:
            return True
        case Mobility.STRETCHER:
            return layout.stretchers > 0
    return layout.wheelchairs > 0


class Diaries:
    """All drivers' diaries of a day, with who does what."""

    def __init__(self, diaries: Sequence[Diary]) -> None:
        self.all = diaries
        self.driver_of: dict[Trip, int] = {}

    def place(self, rng: Random, trips: Sequence[Trip]) -> bool:
        """Enter all of `trips`, or none of them."""
        entered: list[tuple[Diary, Trip]] = []
        for trip in trips:
            diary = self._find(rng, trip)
            if diary is None:
                for other, done in entered:
                    other.strike(done)
                return False
            diary.enter(trip)
            entered.append((diary, trip))
        self.driver_of.update((trip, diary.number) for diary, trip in entered)
        return True

    def _find(self, rng: Random, trip: Trip) -> Diary | None:
        found: list[tuple[float, int, Diary]] = []
        for diary in rng.sample(self.all, len(self.all)):
            if not diary.can_carry(trip):
                continue
            detour = diary.detour_min(trip)
            if detour is not None:
                found.append((detour, diary.number, diary))
                if len(found) == COMPARED:
                    break
        return min(found)[2] if found else None

    def idle(self, rng: Random, trip: Trip) -> Gap | None:
        """Draw one of the longest times in which somebody who could take `trip` is idle."""
        gaps = [diary.longest_gap() for diary in self.all if diary.can_carry(trip)]
        longest = sorted(gaps, key=lambda gap: gap[0])[-5:]
        return rng.choice(longest) if longest else None
