"""Two people at once, each with a connection of their own.

The first has written and not yet committed when the second writes. Where both cannot be right, the
second waits until the first has committed or thought better of it, and is then judged by what is
there; where they do not touch, the second does not wait. Nothing here depends on who is faster:
the database says when somebody waits.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from bookings.models import Booking, BookingEvent
from bookings.states import BookingStatus
from dispatch.models import Assignment, AssignmentStatus, RunState
from fleet.models import Shift, ShiftStatus
from tests.constraints import by_update
from tests.factories import (
    DAY,
    AbsenceFactory,
    AssignmentFactory,
    BookingFactory,
    BookingSeriesFactory,
    CompanyFactory,
    DispatchRunFactory,
    DriverFactory,
    PartnerAgreementFactory,
    PartnerFactory,
    ShiftFactory,
    UserFactory,
    VehicleFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 20  # only a failure takes that long
Act = Callable[[], Any]


class Person:
    """Somebody else, in a thread with a connection of their own."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.backend = self.does(backend).result(PATIENCE_S)

    def does(self, act: Act) -> Future[Any]:
        return self.thread.submit(transaction.atomic(act))

    def leaves(self) -> None:
        try:
            self.thread.submit(hang_up).result(PATIENCE_S)
        finally:
            self.thread.shutdown()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def hang_up() -> None:
    connection.close()  # the connection of the thread that runs this


@contextmanager
def another() -> Iterator[Person]:
    person = Person()
    try:
        yield person
    finally:
        person.leaves()


def waits(person: Person, act: Future[Any]) -> bool:
    """Say whether the act comes to wait for a lock, or ends."""
    while not act.done():
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [person.backend])
            if cursor.fetchone()[0]:
                return True
        try:
            act.exception(timeout=0.01)
        except NotYet:
            continue
    return False


def race(first: Act, second: Act, *, gives_up: bool = False) -> Future[Any]:
    """Let the second act while the first has not committed, and see that it waits."""
    with another() as person:
        with transaction.atomic():
            first()
            act = person.does(second)
            assert waits(person, act), "the second did not wait for the first"
            transaction.set_rollback(gives_up)
        act.exception(PATIENCE_S)
    return act


def side_by_side(first: Act, second: Act) -> Any:
    """Let the second act, and end, while the first has not committed."""
    with another() as person, transaction.atomic():
        first()
        act = person.does(second)
        assert not waits(person, act), "the second waited for the first"
        return act.result(PATIENCE_S)


def assert_refused(act: Future[Any], name: str) -> None:
    error = act.exception()
    assert isinstance(error, IntegrityError), error
    assert error.__cause__.diag.constraint_name == name


# --- what only one of two can have --------------------------------------------------------------


def shift_and_absence() -> tuple[Act, Act]:
    driver = DriverFactory()
    base = ShiftFactory(company=driver.company)
    start = {"vehicle": base.vehicle, "start_place": base.start_place, "end_place": base.end_place}
    by_update(base, {"status": ShiftStatus.CANCELLED})
    return (
        lambda: ShiftFactory(driver=driver, **start),
        lambda: AbsenceFactory(driver=driver),
    )


def absence_and_shift() -> tuple[Act, Act]:
    shift, absence = shift_and_absence()
    return absence, shift


def moved_shift_and_absence() -> tuple[Act, Act]:
    shift = ShiftFactory()
    return (
        lambda: by_update(shift, {"ends_at": shift.ends_at + timedelta(hours=2)}),
        lambda: AbsenceFactory(
            driver=shift.driver,
            starts_at=shift.ends_at + timedelta(hours=1),
            ends_at=shift.ends_at + timedelta(hours=3),
        ),
    )


def absence_and_shift_that_comes_back() -> tuple[Act, Act]:
    shift = ShiftFactory(status=ShiftStatus.CANCELLED)
    return (
        lambda: AbsenceFactory(driver=shift.driver),
        lambda: by_update(shift, {"status": ShiftStatus.PLANNED}),
    )


def two_shifts_of_a_driver() -> tuple[Act, Act]:
    driver = DriverFactory()
    base = ShiftFactory(company=driver.company)
    places = {"start_place": base.start_place, "end_place": base.end_place}
    vehicles = VehicleFactory.create_batch(2, company=driver.company)
    return tuple(
        lambda vehicle=vehicle: ShiftFactory(driver=driver, vehicle=vehicle, **places)
        for vehicle in vehicles
    )


def two_shifts_of_a_vehicle() -> tuple[Act, Act]:
    vehicle = VehicleFactory()
    base = ShiftFactory(company=vehicle.company)
    places = {"start_place": base.start_place, "end_place": base.end_place}
    drivers = DriverFactory.create_batch(2, company=vehicle.company)
    return tuple(
        lambda driver=driver: ShiftFactory(driver=driver, vehicle=vehicle, **places)
        for driver in drivers
    )


def two_live_assignments_of_a_booking() -> tuple[Act, Act]:
    proposal = AssignmentFactory(status=AssignmentStatus.PROPOSED)
    other = AssignmentFactory(
        company=proposal.company, booking=proposal.booking, status=AssignmentStatus.PROPOSED
    )
    return tuple(lambda row=row: by_update(row, {"status": "live"}) for row in (proposal, other))


def two_rides_at_a_time() -> tuple[Act, Act]:
    proposal = AssignmentFactory(status=AssignmentStatus.PROPOSED)
    other = AssignmentFactory(
        company=proposal.company, shift=proposal.shift, status=AssignmentStatus.PROPOSED
    )
    return tuple(lambda row=row: by_update(row, {"status": "live"}) for row in (proposal, other))


def two_runs_of_a_day() -> tuple[Act, Act]:
    company = CompanyFactory()
    return (
        lambda: DispatchRunFactory(company=company, state=RunState.RUNNING),
        lambda: DispatchRunFactory(company=company, state=RunState.RUNNING),
    )


def new_ride_and_new_driver() -> tuple[Act, Act]:
    proposal = AssignmentFactory(status=AssignmentStatus.PROPOSED)
    driver = DriverFactory(company=proposal.company)
    return (
        lambda: by_update(proposal, {"status": "live"}),
        lambda: by_update(proposal.shift, {"driver": driver}),
    )


def new_driver_and_new_ride() -> tuple[Act, Act]:
    ride, driver = new_ride_and_new_driver()
    return driver, ride


def new_ride_and_cancelled_shift() -> tuple[Act, Act]:
    proposal = AssignmentFactory(status=AssignmentStatus.PROPOSED)
    return (
        lambda: by_update(proposal, {"status": "live"}),
        lambda: by_update(proposal.shift, {"status": ShiftStatus.CANCELLED}),
    )


def twice(maker: Any, **values: Any) -> tuple[Act, Act]:
    return (lambda: maker(**values), lambda: maker(**values))


def booking_twice(known: Booking, **values: Any) -> tuple[Act, Act]:
    """The same booking entered twice, with all that it points at already there."""
    ends = {"pickup_place": known.pickup_place, "delivery_place": known.delivery_place}
    return twice(BookingFactory, company=known.company, client=known.client, **ends, **values)


def same_reference() -> tuple[Act, Act]:
    return booking_twice(BookingFactory(), reference="R-1")


def same_partner_reference() -> tuple[Act, Act]:
    return booking_twice(BookingFactory(), partner=PartnerFactory(), partner_reference="P-1")


def same_day_of_a_series() -> tuple[Act, Act]:
    series = BookingSeriesFactory()
    return booking_twice(BookingFactory(company=series.company), series=series, series_day=DAY)


def return_of_one_outbound() -> tuple[Act, Act]:
    outbound = BookingFactory()
    return booking_twice(outbound, outbound=outbound)


def same_agreement() -> tuple[Act, Act]:
    return twice(PartnerAgreementFactory, company=CompanyFactory(), partner=PartnerFactory())


def same_address() -> tuple[Act, Act]:
    return twice(UserFactory, company=CompanyFactory(), email="one@example.org")


def same_plate() -> tuple[Act, Act]:
    return twice(VehicleFactory, company=CompanyFactory(), plate="GE 1", layout=None)


RACES = [
    (shift_and_absence, "absence_outside_shift"),
    (absence_and_shift, "shift_outside_absence"),
    (moved_shift_and_absence, "absence_outside_shift"),
    (absence_and_shift_that_comes_back, "shift_outside_absence"),
    (two_shifts_of_a_driver, "shift_driver_one_at_a_time"),
    (two_shifts_of_a_vehicle, "shift_vehicle_one_at_a_time"),
    (two_live_assignments_of_a_booking, "assignment_one_live_per_booking"),
    (two_rides_at_a_time, "assignment_one_pool_at_a_time"),
    (two_runs_of_a_day, "dispatchrun_one_running"),
    (new_ride_and_new_driver, "shift_keeps_rides"),
    (new_driver_and_new_ride, "assignment_driver_of_shift"),
    (new_ride_and_cancelled_shift, "shift_keeps_rides"),
    (same_reference, "booking_reference_unique"),
    (same_partner_reference, "booking_partner_reference_unique"),
    (same_day_of_a_series, "booking_once_per_series_day"),
    (return_of_one_outbound, "bookings_booking_outbound_id_key"),
    (same_agreement, "agreement_once_per_partner"),
    (same_address, "accounts_user_email_key"),
    (same_plate, "vehicle_plate_unique"),
]


@pytest.mark.parametrize(("two", "name"), RACES, ids=[two.__name__ for two, _name in RACES])
def test_second_waits_and_is_refused_by_name(two, name):
    first, second = two()

    act = race(first, second)

    assert_refused(act, name)


def test_second_waits_and_succeeds_when_the_first_gives_up():
    acts = {two.__name__: race(*two(), gives_up=True) for two, _name in RACES}

    assert {name: act.exception() for name, act in acts.items()} == dict.fromkeys(acts)


# --- those who do not touch do not wait ---------------------------------------------------------


def test_runs_of_two_companies_do_not_wait_for_each_other():
    one, other = CompanyFactory.create_batch(2)

    run = side_by_side(
        lambda: DispatchRunFactory(company=one, state=RunState.RUNNING),
        lambda: DispatchRunFactory(company=other, state=RunState.RUNNING),
    )

    assert run.company == other


def test_runs_of_two_days_do_not_wait_for_each_other():
    company = CompanyFactory()

    run = side_by_side(
        lambda: DispatchRunFactory(company=company, state=RunState.RUNNING),
        lambda: DispatchRunFactory(
            company=company, state=RunState.RUNNING, day=DAY + timedelta(days=1)
        ),
    )

    assert run.company == company


def test_rides_of_two_shifts_do_not_wait_for_each_other():
    one = AssignmentFactory(status=AssignmentStatus.PROPOSED)
    other = AssignmentFactory(company=one.company, status=AssignmentStatus.PROPOSED)

    side_by_side(
        lambda: by_update(one, {"status": "live"}),
        lambda: by_update(other, {"status": "live"}),
    )

    assert Assignment.objects.live().count() == 2


def test_shift_of_one_driver_does_not_wait_for_the_absence_of_another():
    shift = ShiftFactory(status=ShiftStatus.CANCELLED)
    driver = DriverFactory(company=shift.company)

    side_by_side(
        lambda: AbsenceFactory(driver=driver),
        lambda: by_update(shift, {"status": ShiftStatus.PLANNED}),
    )

    assert Shift.objects.planned().count() == 1


def test_whoever_reads_does_not_wait_for_who_writes():
    ride = AssignmentFactory()

    found = side_by_side(
        lambda: by_update(ride, {"status": AssignmentStatus.CANCELLED}),
        lambda: Assignment.objects.live().count(),
    )

    assert found == 1


# --- what is recorded and counted ---------------------------------------------------------------


def says(**move: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('atmr.move', %s, true)", [json.dumps(move)])


def moves_as(user: Any, booking: Booking, status: str) -> Act:
    def act() -> int:
        says(actor=user.pk, reason=user.email)
        return Booking.objects.filter(pk=booking.pk, status=BookingStatus.ACCEPTED).update(
            status=status
        )

    return act


def recorded(booking: Booking) -> list[tuple[str, int | None]]:
    rows = BookingEvent.objects.filter(booking=booking, actor__isnull=False).order_by("id")
    return list(rows.values_list("to_status", "actor_id"))


def test_of_two_moves_of_a_booking_the_one_that_moved_is_recorded():
    booking = BookingFactory()
    first, second = UserFactory.create_batch(2, company=booking.company)

    act = race(
        moves_as(first, booking, BookingStatus.ASSIGNED),
        moves_as(second, booking, BookingStatus.CANCELLED),
    )

    assert act.result() == 0
    assert recorded(booking) == [(BookingStatus.ASSIGNED, first.pk)]


def test_move_given_up_leaves_no_trace_beside_the_other():
    booking = BookingFactory()
    first, second = UserFactory.create_batch(2, company=booking.company)

    act = race(
        moves_as(first, booking, BookingStatus.ASSIGNED),
        moves_as(second, booking, BookingStatus.CANCELLED),
        gives_up=True,
    )

    assert act.result() == 1
    assert recorded(booking) == [(BookingStatus.CANCELLED, second.pk)]


def test_moves_at_once_are_recorded_each_with_its_own_actor():
    one = BookingFactory()
    other = BookingFactory(company=one.company)
    first, second = UserFactory.create_batch(2, company=one.company)

    side_by_side(
        moves_as(first, one, BookingStatus.ASSIGNED),
        moves_as(second, other, BookingStatus.CANCELLED),
    )

    assert recorded(one) == [(BookingStatus.ASSIGNED, first.pk)]
    assert recorded(other) == [(BookingStatus.CANCELLED, second.pk)]


def test_no_change_of_two_is_lost_from_the_version():
    shift = ShiftFactory()

    race(
        lambda: by_update(shift, {"break_min": 0, "ends_at": shift.ends_at + timedelta(hours=1)}),
        lambda: by_update(shift, {"starts_at": shift.starts_at + timedelta(hours=1)}),
    )

    shift.refresh_from_db()
    assert shift.version == 2
