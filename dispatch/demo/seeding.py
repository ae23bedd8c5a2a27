"""Writing an invented day: shifts and absences, clients, series and bookings."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from random import Random

from django.db import transaction

from accounts.models import Company, Partner
from atmr import clock
from bookings.models import (
    Anchor,
    Booking,
    BookingSeries,
    Client,
    Payer,
    PreferredDriver,
    RefusedDriver,
    ReturnKind,
)
from bookings.services import moves
from bookings.states import BookingStatus
from dispatch.demo import clearing, staff
from dispatch.demo.demand import Demand, invent_demand
from dispatch.demo.geneva import Spot, spots
from dispatch.demo.people import Person, invent_people
from dispatch.demo.roster import SHIFTS, ShiftPattern, invent_absence
from dispatch.demo.staff import SignIn
from dispatch.demo.trips import Diaries, Diary, Trip
from fleet.models import Absence, Driver, GeoOrigin, Place, PlaceKind, Shift, Vehicle

WEEKDAYS = ("MO,WE,FR", "TU,TH,SA", "MO,WE,FR", "TU,TH,SA", "MO,WE,FR", "TU,TH,SA", "SU")

Crew = dict[int, tuple[Driver, Vehicle]]


@dataclass(frozen=True)
class Seeded:
    """What was made."""

    company: Company
    day: date
    bookings: int
    unconfirmed: int
    unservable: list[str]
    overbooked: int
    drivers: int
    replaced: int
    sign_ins: list[SignIn] = field(default_factory=list)


@transaction.atomic
def seed_day(*, day: date, bookings: int, drivers: int, seed: int, now: datetime) -> Seeded:
    """Make `day` of the demonstration company anew; the same arguments make the same day.

    :raises DayBeingPlanned, DayUnderWay: see `clearing.clear_day`.
    """
    company = staff.ensure_company()
    sign_ins = staff.ensure_sign_ins(company)
    seeded = fill_day(
        company=company, day=day, bookings=bookings, drivers=drivers, seed=seed, now=now
    )
    return replace(seeded, sign_ins=sign_ins)


def fill_day(
    *, company: Company, day: date, bookings: int, drivers: int, seed: int, now: datetime
) -> Seeded:
    """Make `day` of any company anew, with what it needs. Inside a transaction.

    :raises DayBeingPlanned, DayUnderWay: see `clearing.clear_day`.
    """
    replaced = clearing.clear_day(company=company, day=day, now=now)
    places = staff.ensure_places(company)
    crew = staff.ensure_crew(company, day, drivers)
    rng = Random(f"{seed} {day} {bookings} {drivers}")  # noqa: S311 - a game of chance, no secret
    shifts = {number: SHIFTS[place % len(SHIFTS)] for place, number in enumerate(crew)}
    bases = spots("depot")
    diaries = Diaries(
        [Diary(number, shift, bases[number % len(bases)]) for number, shift in shifts.items()]
    )
    people = invent_people(rng, day)
    demand = invent_demand(rng, bookings=bookings, people=people, diaries=diaries)
    writing = _Writing(company, day, now, places)
    writing.write_shifts(rng, crew, shifts, diaries)
    rows = writing.write_demand(rng, demand, crew, diaries, partners=staff.ensure_partners(company))
    return Seeded(
        company=company,
        day=day,
        bookings=sum(row.time_confirmed for row in rows.values()),
        unconfirmed=sum(not row.time_confirmed for row in rows.values()),
        unservable=sorted(rows[trip].reference for trip in demand.unservable),
        overbooked=demand.overbooked,
        drivers=len(crew),
        replaced=replaced,
    )


@dataclass(frozen=True)
class _Writing:
    """Where and when the rows are; what is invented in minutes becomes instants here."""

    company: Company
    day: date
    now: datetime
    places: dict[str, Place]

    def at(self, minute: int) -> datetime:
        return clock.at(self.day, _wall(minute), self.company.tz)

    def write_shifts(
        self, rng: Random, crew: Crew, patterns: dict[int, ShiftPattern], diaries: Diaries
    ) -> None:
        bases = {diary.number: self.places[diary.base.name] for diary in diaries.all}
        Shift.objects.bulk_create(
            Shift(
                company=self.company,
                driver=driver,
                vehicle=vehicle,
                starts_at=self.at(patterns[number].start),
                ends_at=self.at(patterns[number].end),
                start_place=bases[number],
                end_place=bases[number],
                break_min=patterns[number].break_min,
                break_from_at=self.at(patterns[number].break_from),
                break_until_at=self.at(patterns[number].break_until),
            )
            for number, (driver, vehicle) in crew.items()
        )
        away = [number for place, number in enumerate(crew) if place % 10 == 1]
        Absence.objects.bulk_create(
            Absence(
                driver=crew[number][0],
                kind=absence.kind,
                starts_at=self.at(absence.start),
                ends_at=self.at(absence.end),
                note=f"{clearing.NOTE} {absence.note}",
            )
            for number in away
            for absence in [invent_absence(rng, patterns[number])]
        )

    def write_demand(
        self,
        rng: Random,
        demand: Demand,
        crew: Crew,
        diaries: Diaries,
        partners: list[Partner],
    ) -> dict[Trip, Booking]:
        places = self._write_homes(demand)
        clients = self._write_clients(demand, places, partners)
        self._write_likings(rng, clients, crew, diaries)
        series = self._write_series(demand, places, clients)
        drafts = {
            trip: self._draft(number, trip, places, clients, series)
            for number, trip in enumerate(demand.trips, start=1)
        }
        outbounds = [trip for trip in demand.trips if trip.outbound is None]
        returns = [trip for trip in demand.trips if trip.outbound is not None]
        moves.say(actor=None, reason="", at=self.now)
        Booking.objects.bulk_create(drafts[trip] for trip in outbounds)
        for trip in returns:
            if trip.outbound:
                drafts[trip].outbound = drafts[trip.outbound]
        moves.say(actor=None, reason="", at=self.now)
        Booking.objects.bulk_create(drafts[trip] for trip in returns)
        return drafts

    def _write_homes(self, demand: Demand) -> dict[Spot, Place]:
        homes = {
            spot: Place(
                company=self.company,
                name=spot.name,
                address=spot.name,
                kind=PlaceKind.HOME,
                lat=spot.lat,
                lon=spot.lon,
                geo_origin=GeoOrigin.GEOCODER,
            )
            for trip in demand.trips
            for spot in (trip.person.home, trip.pickup, trip.delivery)
            if spot.kind == "home"
        }
        Place.objects.bulk_create(homes.values())
        return homes | {spot: self.places[spot.name] for spot in spots(*staff.KINDS)}

    def _write_clients(
        self, demand: Demand, places: dict[Spot, Place], partners: list[Partner]
    ) -> dict[Person, Client]:
        people = dict.fromkeys(trip.person for trip in demand.trips)
        clients = {
            person: Client(
                company=self.company,
                partner=partners[number // 3 % len(partners)] if number % 3 == 0 else None,
                name=person.name,
                birth_day=person.birth_day,
                phone=person.phone,
                language=person.language,
                home=places[person.home],
                floor=person.floor,
                door_code=person.door_code,
                mobility=person.mobility,
                companions=person.companions,
                boarding_min=person.boarding_min,
                boarding_notes=person.boarding_notes,
            )
            for number, person in enumerate(people)
        }
        Client.objects.bulk_create(clients.values())
        return clients

    def _write_likings(
        self,
        rng: Random,
        clients: dict[Person, Client],
        crew: Crew,
        diaries: Diaries,
    ) -> None:
        """Let some prefer the driver whom the diaries give them, and some refuse another."""
        served: dict[Person, set[int]] = {}
        for trip, number in diaries.driver_of.items():
            served.setdefault(trip.person, set()).add(number)
        liked, refused = [], []
        for number, (person, client) in enumerate(clients.items()):
            drivers = served.get(person, set())
            if number % 9 == 4 and drivers:
                liked.append(PreferredDriver(client=client, driver=crew[min(drivers)][0]))
            others = sorted(crew.keys() - drivers)
            if number % 30 == 11 and len(others) > 1:
                refused.append(RefusedDriver(client=client, driver=crew[rng.choice(others)][0]))
        PreferredDriver.objects.bulk_create(liked)
        RefusedDriver.objects.bulk_create(refused)

    def _write_series(
        self, demand: Demand, places: dict[Spot, Place], clients: dict[Person, Client]
    ) -> dict[Person, BookingSeries]:
        """Write the rules of dialysis. They end with the day, so other days stay as they are."""
        legs = [trip for trip in demand.trips if trip.in_series]
        back_at = {trip.person: trip.at for trip in legs if trip.outbound is not None}
        series = {
            trip.person: BookingSeries(
                company=self.company,
                client=clients[trip.person],
                partner=clients[trip.person].partner,
                pickup_place=places[trip.pickup],
                delivery_place=places[trip.delivery],
                anchor=trip.anchor,
                at_time=_wall(trip.at),
                stay_min=trip.ends - trip.at if trip.ends else 0,
                return_kind=ReturnKind.TIMED if trip.person in back_at else ReturnKind.NONE,
                return_time=_wall(back_at[trip.person]) if trip.person in back_at else None,
                rule=f"FREQ=WEEKLY;BYDAY={WEEKDAYS[self.day.weekday()]}",
                starts_day=self.day,
                until_day=self.day,
                on_holidays=True,
                priority=trip.priority,
            )
            for trip in legs
            if trip.outbound is None
        }
        BookingSeries.objects.bulk_create(series.values())
        return series

    def _draft(
        self,
        number: int,
        trip: Trip,
        places: dict[Spot, Place],
        clients: dict[Person, Client],
        series: dict[Person, BookingSeries],
    ) -> Booking:
        client = clients[trip.person]
        at = self.at(trip.at)
        anchored = trip.anchor == Anchor.PICKUP
        promised = anchored and trip.confirmed
        policy = self.company.policy
        return Booking(
            company=self.company,
            reference=f"{clearing.prefix_of(self.day)}{number:04}",
            partner=client.partner,
            client=client,
            status=BookingStatus.ACCEPTED,
            pickup_place=places[trip.pickup],
            pickup_floor=client.floor if trip.pickup == trip.person.home else "",
            delivery_place=places[trip.delivery],
            delivery_floor=client.floor if trip.delivery == trip.person.home else "",
            anchor=trip.anchor,
            requested_pickup_at=at if anchored else None,
            appointment_at=None if anchored else at,
            appointment_ends_at=None if trip.ends is None else self.at(trip.ends),
            promised_from=at - timedelta(minutes=policy.window_before_min) if promised else None,
            promised_until=at + timedelta(minutes=policy.window_after_min) if promised else None,
            will_call=trip.will_call,
            time_confirmed=trip.confirmed,
            series=series[trip.person] if trip.in_series else None,
            series_day=self.day if trip.in_series else None,
            priority=trip.priority,
            mobility=trip.person.mobility,
            companions=trip.person.companions,
            skills=list(trip.skills),
            equipment=list(trip.equipment),
            exclusive=trip.exclusive,
            infectious=trip.infectious,
            payer=Payer.PARTNER if client.partner else Payer.CLIENT,
            driver_notes=trip.notes,
        )


def _wall(minute: int) -> time:
    return time(minute // 60, minute % 60)
