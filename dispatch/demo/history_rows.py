"""The rows of an invented day of the past."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from random import Random

from bookings.states import BookingStatus
from dispatch.demo.history_cast import Cast, Crew, Rider
from dispatch.demo.history_lines import NULL, Lines, Stamps

MIN = 60
SERVICE_S = 5 * MIN
FREEZE_S = 30 * MIN
# How often a vehicle says where it is.
SEEN_S = 5 * MIN
_S = BookingStatus
_AWAY = ("holiday",) * 6 + ("sick",) * 3 + ("training",)
_PRIORITIES = ("normal",) * 7 + ("medical",) * 2 + ("urgent",)


@dataclass(frozen=True)
class Duty:
    """A shift of the day: seconds since the epoch."""

    shift: int
    crew: Crew
    starts: int
    ends: int
    break_min: int
    break_from: int
    break_until: int


@dataclass(frozen=True)
class Runs:
    """The runs of a day: the night's, one by day that moved rides, one that nobody applied."""

    night: int
    night_s: int
    again: int | None
    again_s: int
    idle: int | None
    idle_s: int


@dataclass(frozen=True)
class Ride:
    """A booking with the times planned for it."""

    booking: int
    number: int
    rider: Rider
    outbound: int | None
    pickup_s: int
    drive_s: int
    place: int
    appointment_s: int | None
    duty: Duty
    sequence: int

    @property
    def delivery_s(self) -> int:
        return self.pickup_s + SERVICE_S + self.drive_s

    @property
    def ends_s(self) -> int:
        return self.delivery_s + SERVICE_S


@dataclass(frozen=True)
class Fate:
    """How a booking went: its moves in order, each with when, by whom and why."""

    moves: tuple[tuple[str, int, int | None, str], ...]
    reason: str = ""
    unserved: bool = False

    @property
    def status(self) -> str:
        return self.moves[-1][0]

    def at(self, status: str) -> int | None:
        return next((at for to, at, _, _ in self.moves if to == status), None)


class DayRows:
    """Writes the lines of one company's day."""

    def __init__(
        self,
        cast: Cast,
        day: date,
        *,
        rng: Random,
        stamps: Stamps,
        lines: Lines,
        midnight: int,
        duties: list[Duty],
        runs: Runs,
    ) -> None:
        self.cast, self.day, self.rng, self.stamps = cast, day, rng, stamps
        self.lines, self.midnight, self.duties, self.runs = lines, midnight, duties, runs
        self.names = [f'"shift": {duty.shift}, "driver": {duty.crew.driver}' for duty in duties]

    def add_shift(self, duty: Duty) -> None:
        stamp, crew = self.stamps, duty.crew
        self.lines.add(
            "fleet_shift",
            (
                duty.shift, stamp(duty.starts), stamp(duty.ends), duty.break_min,
                stamp(duty.break_from), stamp(duty.break_until), "planned", 0,
                self.cast.company.pk, crew.driver, crew.vehicle, crew.base, crew.base,
                "",
            ),
        )  # fmt: skip

    def add_booking(self, ride: Ride, fate: Fate) -> None:
        stamp, rider, company = self.stamps, ride.rider, self.cast.company.pk
        requested = appointment = appointment_ends = promised = until = NULL
        if ride.appointment_s is not None:
            appointment = stamp(ride.appointment_s)
            appointment_ends = stamp(ride.appointment_s + 30 * MIN)
        else:
            asked = ride.pickup_s - ride.pickup_s % (5 * MIN)
            requested = stamp(asked)
            promised, until = stamp(asked - 5 * MIN), stamp(asked + 10 * MIN)
        ends = [(rider.home, rider.floor), (ride.place, "")]
        if ride.outbound is not None:
            ends.reverse()
        created = stamp(fate.moves[0][1])
        asked_for = "\t".join(
            map(
                str,
                (
                    ride.booking, f"H-{self.day:%y%m%d}-{ride.number:04}", "",
                    "pickup" if ride.appointment_s is None else "arrive_by",
                    requested, appointment, appointment_ends, promised, until,
                    "t" if ride.outbound and ride.number % 5 == 0 else "f", "t",
                    _PRIORITIES[ride.number % 10], rider.mobility, rider.companions,
                    "client" if rider.partner is None else "partner", created, company,
                    rider.client, rider.partner or NULL, *ends[0], *ends[1],
                    ride.outbound or NULL, "f", "{}", "{}", "f", "f", "", "", "", "",
                ),
            )
        )  # fmt: skip
        boarded, arrived = fate.at(_S.ON_BOARD), fate.at(_S.COMPLETED)
        self.lines.by_table["bookings_booking"].append(
            f"{asked_for}\t{fate.status}\t{fate.reason}"
            f"\t{NULL if boarded is None else stamp(boarded)}"
            f"\t{NULL if arrived is None else stamp(arrived)}\t{len(fate.moves) - 1}"
        )
        self.lines.by_table["bookings_bookinghistory"].append(
            f"{created}\tinsert\t{ride.booking}\t{asked_for}"
        )
        before = ""
        for to, at, actor, why in fate.moves:
            told = stamp(at)
            who = NULL if actor is None else actor
            self.lines.events.append(
                (at, f"{ride.booking}\t{company}\t{before}\t{to}\t{who}\t{why}\t{told}\t{told}")
            )
            before = to

    def add_plan(self, ride: Ride, fate: Fate) -> None:
        """Write who was to carry a client: what the night gave, what the day made of it."""
        given = fate.at(_S.ASSIGNED)
        if given is None:
            if fate.unserved:
                self._add_unserved(ride, fate)
            return
        runs = self.runs
        status = "done" if fate.status == _S.COMPLETED else "cancelled"
        run = runs.night if given == runs.night_s else None
        other = self._other(ride)
        if runs.idle is not None and other and self.rng.random() < 0.3:
            self._assign(ride, other, at=runs.idle_s, status="proposed", run=runs.idle)
        if runs.again is not None and other and self._open_at(ride, fate, runs.again_s):
            self._assign(ride, other, at=given, status="superseded", run=run, ended_by=runs.again)
            self._assign(ride, ride.duty, at=runs.again_s, status=status, run=runs.again)
        else:
            self._assign(ride, ride.duty, at=given, status=status, run=run)

    def _open_at(self, ride: Ride, fate: Fate, at: int) -> bool:
        """Say whether a run at that time moves the ride: of those ahead, one in four."""
        ahead = ride.pickup_s >= at + FREEZE_S and fate.moves[-1][1] > at
        return ahead and self.rng.random() < 0.25

    def _other(self, ride: Ride) -> Duty | None:
        """Find somebody else on duty who could have carried the client."""
        found = self.duties[int(self.rng.random() * len(self.duties))]
        can = ride.rider.mobility in found.crew.layouts and found is not ride.duty
        return found if can and found.starts <= ride.pickup_s < ride.ends_s <= found.ends else None

    def _assign(
        self,
        ride: Ride,
        duty: Duty,
        *,
        at: int,
        status: str,
        run: int | None,
        ended_by: int | None = None,
    ) -> None:
        rng, crew, stamp = self.rng, duty.crew, self.stamps
        cost = rng.randrange(500, 6000) / 100
        others = ",".join(
            f'{{{self.names[(ride.number + n) % len(self.names)]}, "cost": {cost + 3 * n:.2f}}}'
            for n in (1, 2, 3)
        )
        self.lines.by_table["dispatch_assignment"].append(
            f"{self.cast.company.pk}\t{ride.booking}\t{crew.driver}\t{duty.shift}"
            f"\t{crew.layouts[ride.rider.mobility]}\t{run or NULL}\t{ended_by or NULL}\t{status}"
            f"\t{ride.sequence}\t{stamp(ride.pickup_s)}\t{stamp(ride.delivery_s)}"
            f"\t{stamp(ride.ends_s)}\tnone\t{rng.getrandbits(128):032x}"
            f'\t{{"cost": {cost}, "runners_up": [{others}]}}\t{0 if status == "proposed" else 2}'
            f"\t{stamp(at)}"
        )
        if run is not None and status != "proposed":
            self._tell(ride, crew, at=at, run=run)

    def _tell(self, ride: Ride, crew: Crew, *, at: int, run: int) -> None:
        """Write the notices of a ride that a run planned or moved: to the client, to who booked."""
        stamp, partner = self.stamps, ride.rider.partner
        kind = "ride_changed" if run == self.runs.again else "ride_planned"
        start = f"{self.cast.company.pk}\t{run}\t{kind}"
        end = (
            f'\t{NULL}\t{{"driver": {crew.driver}, "pickup_at": "{stamp(ride.pickup_s)}",'
            f' "delivery_at": "{stamp(ride.delivery_s)}"}}\t{stamp(at + 3)}'
        )
        told = self.lines.by_table["dispatch_outbox"]
        told.append(f"{start}\tclient\t{ride.booking}\t{NULL}{end}")
        if partner is not None:
            told.append(f"{start}\tpartner\t{ride.booking}\t{partner}{end}")

    def _add_unserved(self, ride: Ride, fate: Fate) -> None:
        company, at = self.cast.company.pk, self.stamps(self.runs.night_s)
        fix = json.dumps({"nearest": {"fix": "longer_shift", "amount": 900}})
        self.lines.add(
            "dispatch_unassigned", (self.runs.night, ride.booking, "vehicle_window", fix)
        )
        resolved = self.stamps(fate.moves[-1][1])
        self.lines.add(
            "dispatch_alert", (company, "assignment_lost", ride.booking, "{}", at, resolved)
        )

    def add_routes(self, rides: Iterable[Ride]) -> None:
        """Tell each driver once what the night put into the route."""
        routes: dict[int, list[int]] = {}
        for ride in rides:
            routes.setdefault(ride.duty.shift, []).append(ride.booking)
        told = self.stamps(self.runs.night_s + 3)
        for duty in self.duties:
            added = {"added": routes.get(duty.shift, []), "changed": [], "removed": []}
            self.lines.add(
                "dispatch_outbox",
                (
                    self.cast.company.pk, self.runs.night, "route_changed", "driver", NULL, NULL,
                    duty.crew.driver, json.dumps({"shift": duty.shift} | added), told,
                ),
            )  # fmt: skip

    def add_runs(self, fates: dict[int, Fate]) -> None:
        runs = self.runs
        served = {pk: fate for pk, fate in fates.items() if fate.at(_S.ASSIGNED) is not None}
        sources = json.dumps({"bookings": {str(pk): 1 for pk in served}})
        cost = json.dumps({"total": 12.5 * len(served), "driving": 9.0 * len(served)})
        timings = json.dumps({"load": 0.03, "travel": 0.01, "solve": 2.0, "check": 0.01})
        made = [
            (runs.night, runs.night_s, "schedule", "applied", None),
            (runs.again, runs.again_s, "person", "applied", self.cast.dispatcher),
            (runs.idle, runs.idle_s, "person", "proposed", self.cast.dispatcher),
        ]
        for pk, at, trigger, state, who in made:
            if pk is not None:
                ended = self.stamps(at + 3)
                self.lines.add(
                    "dispatch_dispatchrun",
                    (
                        pk, self.cast.company.pk, self.day, trigger, state, who or NULL,
                        self.cast.settings, 0,
                        sources, "great_circle", len(fates), len(served), cost, timings,
                        self.stamps(at), ended, ended if state == "applied" else NULL,
                    ),
                )  # fmt: skip

    def add_absence(self, crew: Crew) -> None:
        kind = _AWAY[int(self.rng.random() * len(_AWAY))]
        at = self.stamps
        self.lines.add(
            "fleet_absence",
            (crew.driver, kind, at(self.midnight), at(self.midnight + 20 * 3600), ""),
        )

    def add_positions(self, duty: Duty) -> None:
        rng = self.rng
        for at in range(duty.starts, duty.ends, SEEN_S):
            self.lines.by_table["fleet_position"].append(
                f"{duty.shift}\t{self.stamps(at)}"
                f"\t{46.2 + rng.random() / 20:.6f}\t{6.1 + rng.random() / 20:.6f}"
            )
