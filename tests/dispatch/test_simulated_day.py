"""A day as it goes: late vans, people who decide, and a plan made anew all the time."""

from datetime import datetime, timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from atmr.errors import DomainError
from bookings.models import Booking
from bookings.services import booking as bookings
from bookings.states import BookingStatus
from dispatch.demo import seeding
from dispatch.models import Assignment, DispatchPolicy, Lock, RunState
from dispatch.services import assigning, duty, intake, planning, progress, undoing
from dispatch.services.applying import PlanClashes
from fleet.models import AbsenceKind, Position, Shift
from tests.dispatch.outside import Broken, broken_rules
from tests.factories import DAY, on_day

pytestmark = pytest.mark.django_db

STEP = timedelta(minutes=45)
UNDER_WAY = [BookingStatus.EN_ROUTE, BookingStatus.ARRIVED, BookingStatus.ON_BOARD]
# What a late van may break of the rides behind it, when they are timed anew after it.
TIMED = {"window", "drive", "ride", "break", "shift_end", "return"}
# What a ride reports, and how long before or after its planned times.
REPORTS = (
    (BookingStatus.EN_ROUTE, "pickup_at", -10),
    (BookingStatus.ARRIVED, "pickup_at", 0),
    (BookingStatus.ON_BOARD, "pickup_at", 4),
    (BookingStatus.COMPLETED, "ends_at", 0),
)


class Simulated:
    """One company's day under way."""

    def __init__(self, *, seed: int, bookings: int, pooling: bool, **settings: object) -> None:
        self.rng = Random(seed)
        self.now = on_day(0)
        self.company = seeding.seed_day(
            day=DAY, bookings=bookings, drivers=6, seed=seed, now=self.now
        ).company
        DispatchPolicy.objects.update_or_create(
            company=self.company, defaults={"pooling": pooling, **settings}
        )
        self.company.refresh_from_db()
        self.delay: dict[int, int] = {}
        self.late = False

    def plan(self) -> planning.Summary:
        """Plan and apply, and hold the run to what it must never do."""
        before = {found.key for found in self.broken()}
        touched = self.under_way()
        with CaptureQueriesContext(
            connection,
        ) as sent:
            summary = planning.plan_day(
                company=self.company, day=DAY, now=self.now, apply=True, iterations=25
            )
        # Where a transaction begins and ends, and when it checks, is not of the budget.
        control = ("SAVEPOINT", "RELEASE", "ROLLBACK", "SET CONSTRAINTS")
        statements = [query["sql"] for query in sent if not query["sql"].startswith(control)]
        assert len(statements) <= 12
        assert summary.state == RunState.APPLIED, summary.violations
        assert self.under_way() == touched
        known = {row.get("booking") for row in summary.inherited}
        known |= {str(row.get("shift")) for row in summary.inherited}
        added = [
            found
            for found in self.broken()
            if found.key not in before
            and not known & set(found.subject.split())
            and not (self.late and found.rule in TIMED)
        ]
        assert added == [], (self.now, summary.inherited)
        return summary

    def broken(self) -> list[Broken]:
        return broken_rules(self.company, DAY, now=self.now)

    def under_way(self) -> list[dict]:
        rows = Assignment.objects.live().filter(company=self.company, booking__status__in=UNDER_WAY)
        # A row's number in its route, and so its version, may change; nothing else of it.
        ridden = rows.order_by("pk").values()
        return [
            {name: row[name] for name in row if name not in {"sequence", "version"}}
            for row in ridden
        ]

    def drive(self, *, late: bool) -> None:
        """Report what has happened until now on every ride that a driver has."""
        self.late = late
        rides = (
            Assignment.objects.live()
            .filter(company=self.company)
            .select_related("booking", "shift")
        )
        for ride in rides.order_by("pickup_at", "pk"):
            delay = self.delay.setdefault(ride.booking_id, self._delay() if late else 0)
            for to, event, minutes in REPORTS:
                at = getattr(ride, event) + timedelta(minutes=minutes + delay)
                if to == BookingStatus.EN_ROUTE and not late:
                    at = self.leaves_at(ride)
                if at > self.now or not self.report(ride.booking, to, at, late=late):
                    break

    def leaves_at(self, ride: Assignment) -> datetime:
        """When a punctual driver is free to drive to a pickup, and far enough ahead."""
        others = Assignment.objects.filter(shift=ride.shift, status__in=["live", "done"])
        ended = [r.ends_at for r in others if r.ends_at <= ride.pickup_at]
        boarded = [r.pickup_at for r in others if r.pickup_at < ride.pickup_at]
        ahead = ride.pickup_at - timedelta(minutes=45)
        return max([ahead, ride.shift.starts_at, *ended, *boarded])

    def report(self, booking: Booking, to: BookingStatus, at: datetime, *, late: bool) -> bool:
        order = [BookingStatus.ASSIGNED, *(state for state, _, _ in REPORTS)]
        if order.index(booking.status) >= order.index(to):
            return True
        if to == BookingStatus.ON_BOARD and late and self.rng.random() < 0.06:
            progress.report(
                booking=booking, to=BookingStatus.NO_SHOW, actor=None, now=self.now, at=self.now,
                return_too=self.rng.random() < 0.5,
            )  # fmt: skip
            return False
        progress.report(booking=booking, to=to, actor=None, now=self.now, at=at)
        return True

    def _delay(self) -> int:
        return self.rng.choice([-4, -2, 0, 0, 0, 2, 5, 12, 25, 50])

    def people_decide(self) -> None:
        """A few decisions of dispatchers; a refusal is an answer, a clash is not."""
        for _ in range(4):
            decide = self.rng.choice(
                [
                    self.cancel,
                    self.assign,
                    self.move,
                    self.take_back,
                    self.lock,
                    self.book,
                    self.see,
                ]
            )
            places = decide in (self.assign, self.move)
            before = {found.key for found in self.broken()} if places else set()
            try:
                decide()
            except PlanClashes:
                raise
            except DomainError:
                continue
            if places:
                added = [found for found in self.broken() if found.key not in before]
                assert [f for f in added if f.rule not in TIMED] == [], (decide, self.now)

    def any(self, *states: BookingStatus) -> Booking | None:
        found = Booking.objects.filter(
            company=self.company, status__in=states, scheduled_at__gt=self.now
        ).order_by("pk")
        return self.rng.choice(list(found)) if found else None

    def any_shift(self) -> Shift:
        shifts = Shift.objects.planned().filter(company=self.company, ends_at__gt=self.now)
        return self.rng.choice(list(shifts.reaching_into(on_day(0), on_day(23)).order_by("pk")))

    def cancel(self) -> None:
        if booking := self.any(BookingStatus.ACCEPTED, BookingStatus.ASSIGNED):
            progress.cancel(
                booking=booking, actor=None, now=self.now, reason="better",
                return_too=self.rng.random() < 0.5,
            )  # fmt: skip

    def assign(self) -> None:
        if booking := self.any(BookingStatus.ACCEPTED):
            assigning.assign(booking=booking, shift=self.any_shift(), actor=None, now=self.now)

    def move(self) -> None:
        if booking := self.any(BookingStatus.ASSIGNED):
            assigning.move(
                booking=booking, shift=self.any_shift(), actor=None, now=self.now, reason="asked"
            )

    def take_back(self) -> None:
        if booking := self.any(BookingStatus.ASSIGNED):
            assigning.take_back(booking=booking, actor=None, now=self.now)

    def lock(self) -> None:
        if booking := self.any(BookingStatus.ASSIGNED):
            assigning.set_lock(booking=booking, lock=self.rng.choice(list(Lock)))

    def book(self) -> None:
        model = self.any(BookingStatus.ACCEPTED, BookingStatus.ASSIGNED)
        if model is None:
            return
        new = bookings.create_booking(
            booking=bookings.draft(
                company=self.company,
                client=model.client,
                pickup_place=model.delivery_place,
                delivery_place=model.pickup_place,
                requested_pickup_at=self.now + timedelta(minutes=self.rng.randrange(20, 200)),
            ),
            actor=None,
            now=self.now,
        )
        intake.accept_many(company=self.company, booking_ids=[new.pk], actor=None, now=self.now)

    def see(self) -> None:
        shift = self.any_shift()
        place = shift.start_place
        Position.objects.create(
            shift=shift, at=self.now, lat=place.lat + self.rng.uniform(-0.02, 0.02), lon=place.lon
        )

    def lose_a_driver(self) -> None:
        shift = self.any_shift()
        starts_at = self.now + timedelta(minutes=self.rng.randrange(0, 120))
        try:
            duty.record_absence(
                driver=shift.driver, kind=AbsenceKind.SICK, starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=3), actor=None, now=self.now,
            )  # fmt: skip
        except PlanClashes:
            raise
        except DomainError:
            return

    def undo(self) -> None:
        before = {found.key for found in self.broken()}
        undoing.undo(company=self.company, day=DAY, actor=None, now=self.now)
        added = [found for found in self.broken() if found.key not in before]
        assert [found for found in added if found.rule not in TIMED] == [], self.now


@pytest.mark.parametrize("pooling", [False, True])
def test_a_punctual_day_breaks_nothing_and_inherits_nothing(pooling):
    day = Simulated(seed=7, bookings=24, pooling=pooling)
    # Drivers who report to be on the way before their break would be late for it.
    Shift.objects.update(break_min=0, break_from_at=None, break_until_at=None)
    day.plan()

    for hours in range(6, 19, 2):
        day.now = on_day(hours)
        day.drive(late=False)
        summary = day.plan()
        assert summary.inherited == []


@pytest.mark.parametrize(
    ("seed", "pooling", "freeze_min"),
    [(1, False, 0), (1, True, 30), (2, False, 30), (2, True, 0)],
)
def test_a_day_with_everything_that_happens_is_planned_anew_at_every_step(
    seed, pooling, freeze_min
):
    day = Simulated(seed=seed, bookings=30, pooling=pooling, freeze_min=freeze_min)
    day.plan()
    steps = 0
    day.now = on_day(5, 30)
    while day.now < on_day(17):
        day.now += STEP
        steps += 1
        day.drive(late=True)
        day.people_decide()
        if steps in (4, 9):
            day.lose_a_driver()
        day.plan()
        if steps % 5 == 0:
            day.undo()
            day.plan()
