"""A day of the past: who asked for what, who drove whom, and what became of it."""

from collections.abc import Iterator
from datetime import date, time
from random import Random

from atmr import clock
from bookings.recurrence import is_holiday
from bookings.states import BookingStatus
from dispatch.demo.history_cast import RIDES_PER_DRIVER, Cast, Crew, Rider
from dispatch.demo.history_lines import DAY_S, Lines, Stamps
from dispatch.demo.history_rows import MIN, SERVICE_S, DayRows, Duty, Fate, Ride, Runs
from dispatch.demo.roster import SHIFTS

# Monday to Sunday; a holiday is as quiet as a Sunday.
WEEK = (1.25, 1.25, 1.2, 1.25, 1.25, 0.5, 0.3)
# From a pickup to the earliest pickup of the way home.
STAY_S = 95 * MIN
# The share of those not on duty who are away: ill, on holiday, on a course.
AWAY = 0.1
_S = BookingStatus
_CLOSED = (_S.CANCELLED, _S.REJECTED, _S.NO_SHOW)
_SPARE_S = (-3, -2, -1, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 8, 11, 15, 22)
_WHY = ("Rendez-vous reporté.", "Le client est malade.", "La famille s'en charge.")


def bookings_of(rng: Random, day: date, bookings_per_day: int) -> int:
    """Draw how many bookings a day has: `bookings_per_day` in the mean of a week."""
    weekday = 6 if is_holiday(day) else day.weekday()
    return max(1, round(bookings_per_day * WEEK[weekday] * rng.uniform(0.92, 1.08)))


class DayInventor:
    """Invents one day of one company; ids are taken from `ids` in turn."""

    def __init__(
        self, cast: Cast, day: date, seed: int, stamps: Stamps, *, bookings_per_day: int
    ) -> None:
        self.cast, self.day, self.stamps = cast, day, stamps
        self.rng = Random(f"{seed} {cast.company.slug} {day}")  # noqa: S311 - a game of chance
        self.number = bookings_of(self.rng, day, bookings_per_day)
        self.duties = min(len(cast.crews), -(-self.number // RIDES_PER_DRIVER))
        self.has_again = self.rng.random() < 0.6
        self.has_idle = self.rng.random() < 0.25
        # From noon back: the clocks change at night.
        noon = clock.at(day, time(12), cast.company.tz)
        self.midnight = stamps.seconds(noon) - DAY_S // 2

    def write(
        self,
        lines: Lines,
        *,
        shifts: Iterator[int],
        runs: Iterator[int],
        bookings: Iterator[int],
        with_positions: bool,
    ) -> None:
        duties = [self._duty(n, next(shifts)) for n in range(self.duties)]
        of_day = self._runs(runs)
        rows = DayRows(
            self.cast,
            self.day,
            rng=self.rng,
            stamps=self.stamps,
            lines=lines,
            midnight=self.midnight,
            duties=duties,
            runs=of_day,
        )
        fates: dict[int, Fate] = {}
        rides = list(self._rides(duties, bookings))
        for ride in rides:
            fate = self._fate(ride, of_day, fates.get(ride.outbound or 0))
            fates[ride.booking] = fate
            rows.add_booking(ride, fate)
            rows.add_plan(ride, fate)
        rows.add_routes(ride for ride in rides if fates[ride.booking].at(_S.ASSIGNED))
        rows.add_runs(fates)
        on_duty = {duty.crew.driver for duty in duties}
        for crew in self.cast.crews:
            if crew.driver not in on_duty and self.rng.random() < AWAY:
                rows.add_absence(crew)
        for duty in duties:
            rows.add_shift(duty)
            if with_positions:
                rows.add_positions(duty)

    def _duty(self, number: int, shift: int) -> Duty:
        # Another part of the fleet rests every day.
        crews = self.cast.crews
        crew = crews[(self.day.toordinal() * 7 + number) % len(crews)]
        pattern, at = SHIFTS[number % len(SHIFTS)], self.midnight
        return Duty(
            shift=shift,
            crew=crew,
            starts=at + pattern.start * MIN,
            ends=at + pattern.end * MIN,
            break_min=pattern.break_min,
            break_from=at + pattern.break_from * MIN,
            break_until=at + pattern.break_until * MIN,
        )

    def _runs(self, ids: Iterator[int]) -> Runs:
        return Runs(
            night=next(ids),
            night_s=self.midnight + 3 * 3600,
            again=next(ids) if self.has_again else None,
            again_s=self.midnight + 9 * 3600 + self.rng.randrange(1800),
            idle=next(ids) if self.has_idle else None,
            idle_s=self.midnight + 4 * 3600,
        )

    def _rides(self, duties: list[Duty], ids: Iterator[int]) -> Iterator[Ride]:
        """Fill each shift slot by slot: a client goes somewhere, and hours later home again."""
        number = 0
        for place, duty in enumerate(duties):
            share = self.number // len(duties) + (place < self.number % len(duties))
            slot_s = (duty.ends - duty.starts - 3600) // (share + 1)
            waiting: list[tuple[int, Ride]] = []
            for sequence in range(share):
                slot = sequence + (sequence >= share // 2)  # the break
                start = duty.starts + 1800 + slot * slot_s
                back = waiting.pop(0)[1] if waiting and waiting[0][0] <= slot else None
                number += 1
                ride = self._ride(
                    next(ids),
                    number=number,
                    duty=duty,
                    sequence=sequence,
                    start=start,
                    slot_s=slot_s,
                    back=back,
                )
                if back is None and self.rng.random() < 0.7:
                    waiting.append((slot + -(-STAY_S // slot_s), ride))
                yield ride

    def _ride(
        self,
        pk: int,
        *,
        number: int,
        duty: Duty,
        sequence: int,
        start: int,
        slot_s: int,
        back: Ride | None,
    ) -> Ride:
        rng = self.rng
        if back is not None:
            rider, place, drive_s = back.rider, back.place, back.drive_s
        else:
            rider = self._rider(duty.crew)
            place, minutes = rider.there[rng.random() < 0.2]
            drive_s = max(2 * MIN, min(minutes * MIN, slot_s - 22 * MIN))
        pickup_s = start + rng.randrange(0, 4 * MIN)
        appointment_s = None
        if back is None and rng.random() < 0.65:
            done = pickup_s + 2 * SERVICE_S + drive_s
            appointment_s = done + (-done % (5 * MIN)) + rng.choice((0, 5, 10, 15, 20)) * MIN
        outbound = back.booking if back else None
        return Ride(
            pk, number, rider, outbound, pickup_s, drive_s, place, appointment_s, duty, sequence
        )

    def _rider(self, crew: Crew) -> Rider:
        """Draw a client whom the vehicle can carry, vans with a lift for those who need one."""
        rng = self.rng
        carried = [name for name in crew.layouts if self.cast.riders[name]]
        walks = len(carried) == 1 or rng.random() < 0.65
        riders = self.cast.riders[carried[0] if walks else rng.choice(carried[1:])]
        return riders[int(rng.random() * len(riders))]

    def _fate(self, ride: Ride, runs: Runs, outbound: Fate | None) -> Fate:
        rng, dispatcher = self.rng, self.cast.dispatcher
        lead_s = rng.randrange(1, 21) * DAY_S
        created = self.midnight - lead_s + rng.randrange(8 * 3600, 15 * 3600)
        moves: list[tuple[str, int, int | None, str]] = [(_S.ACCEPTED, created, dispatcher, "")]
        if ride.rider.partner is not None:
            moves[0] = (_S.PENDING, created, None, "")
            moves.append((_S.ACCEPTED, created + rng.randrange(5 * MIN, 45 * MIN), dispatcher, ""))
        before = moves[-1][1]
        drawn = rng.random()
        if outbound is not None and outbound.status in _CLOSED:
            drawn = 0.03  # nobody to fetch
        if drawn < 0.01 and len(moves) == 2 and ride.outbound is None:
            moves[1] = (_S.REJECTED, before, dispatcher, "Hors de la zone desservie.")
            return Fate(tuple(moves))
        if drawn < 0.06:
            unserved = drawn >= 0.05
            why = "Aucun chauffeur libre." if unserved else rng.choice(_WHY)
            at = runs.night_s + 2 * 3600 if unserved else rng.randrange(before, runs.night_s)
            if outbound is not None:
                # With its outbound, or the moment after.
                at = max(before, outbound.moves[-1][1])
            moves.append((_S.CANCELLED, at, dispatcher, why))
            return Fate(tuple(moves), why, unserved)
        by_hand = rng.random() < 0.05
        given = self.midnight - rng.randrange(4 * 3600, 8 * 3600) if by_hand else runs.night_s
        moves.append((_S.ASSIGNED, given, dispatcher if by_hand else None, ""))
        return self._on_the_road(ride, moves, drawn)

    def _on_the_road(
        self, ride: Ride, moves: list[tuple[str, int, int | None, str]], drawn: float
    ) -> Fate:
        rng = self.rng
        late_s = rng.choice(_SPARE_S) * MIN + rng.randrange(MIN)
        there = ride.pickup_s + late_s - 2 * MIN
        sets_out = there - rng.randrange(4 * MIN, 12 * MIN)
        if drawn < 0.09:
            at = rng.randrange(moves[-1][1], sets_out)
            why = rng.choice(_WHY)
            moves.append((_S.CANCELLED, at, self.cast.dispatcher, why))
            return Fate(tuple(moves), why)
        moves += [(_S.EN_ROUTE, sets_out, None, ""), (_S.ARRIVED, there, None, "")]
        if drawn < 0.105:
            moves.append((_S.NO_SHOW, there + 10 * MIN, None, "Personne à la porte."))
            return Fate(tuple(moves))
        boards = there + 2 * MIN
        moves += [
            (_S.ON_BOARD, boards, None, ""),
            (_S.COMPLETED, boards + SERVICE_S + ride.drive_s, None, ""),
        ]
        return Fate(tuple(moves))
