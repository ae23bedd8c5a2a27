"""A pickup is promised when a plan is announced, and moved by a person."""

from datetime import timedelta

import pytest

from bookings.services import moves
from bookings.states import BookingStatus
from dispatch.services import announcing
from tests.dispatch.days import Line, live, plan
from tests.factories import DAY, AssignmentFactory, CompanyFactory, on_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def announce(line: Line) -> int:
    return announcing.announce(company=line.company, day=DAY)


def test_a_booking_with_an_appointment_is_promised_its_planned_pickup(line):
    booking = line.booking(
        1,
        3,
        9,
        arrive_by=True,
        promised_from=None,
        promised_until=None,
        status=BookingStatus.ASSIGNED,
    )
    AssignmentFactory(booking=booking, shift=line.shift(), pickup_at=on_day(8, 37))

    assert announce(line) == 1

    booking.refresh_from_db()
    assert (booking.promised_from, booking.promised_until) == (on_day(8, 30), on_day(8, 50))


def test_who_has_a_promise_keeps_it(line):
    kept = line.booking(1, 3, 9)
    line.shift()
    plan(line.company)

    assert announce(line) == 0

    kept.refresh_from_db()
    assert (kept.promised_from, kept.promised_until) == (on_day(8, 55), on_day(9, 10))


def test_announcing_twice_and_for_another_company_promises_nothing(line):
    line.booking(1, 3, 9, arrive_by=True)
    line.shift()
    plan(line.company)

    assert announcing.announce(company=CompanyFactory(), day=DAY) == 0
    assert [announce(line), announce(line)] == [1, 0]


def test_a_run_pays_to_move_an_announced_pickup(line):
    booking = line.booking(1, 3, 9, arrive_by=True)
    line.shift()
    plan(line.company)
    announce(line)
    planned = live(booking).pickup_at
    booking.refresh_from_db()
    announcing.move_promise(booking=booking, promised_from=planned + timedelta(minutes=2))

    summary = plan(line.company, overrides={"move_promise_min": 100})

    assert live(booking).pickup_at >= planned + timedelta(minutes=2)
    assert summary.cost["components"]["moved_promises"] == 0


def test_a_promise_is_moved_with_its_margin_and_only_before_the_ride(line):
    booking = line.booking(1, 3, 9)

    announcing.move_promise(booking=booking, promised_from=on_day(10))

    booking.refresh_from_db()
    assert (booking.promised_from, booking.promised_until) == (on_day(10), on_day(10, 15))
    AssignmentFactory(booking=booking, shift=line.shift())
    for to in (BookingStatus.ASSIGNED, BookingStatus.EN_ROUTE):
        moves.move(booking=booking, to=to, actor=None, now=on_day(9))
    with pytest.raises(announcing.PromiseTooLate):
        announcing.move_promise(booking=booking, promised_from=on_day(11))


def test_what_was_never_promised_cannot_be_moved(line):
    booking = line.booking(1, 3, 9, arrive_by=True)

    with pytest.raises(announcing.NoPromise):
        announcing.move_promise(booking=booking, promised_from=on_day(8))


@pytest.mark.parametrize("rides", [1, 6])
def test_announcing_costs_the_same_statements(line, rides, django_assert_num_queries):
    for number in range(rides):
        line.booking(1, 3, 8 + number, arrive_by=True)
    line.shift()
    plan(line.company)

    with django_assert_num_queries(5):  # policy, rows, update; and the two ends of a savepoint
        announce(line)
