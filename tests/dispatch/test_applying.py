"""From a proposal to the plan, and back: what changed meanwhile is left as it is."""

from datetime import timedelta

import pytest

from bookings.services import moves
from bookings.states import BookingStatus
from dispatch.models import Assignment, AssignmentStatus, DispatchRun, Lock, RunState
from dispatch.services import applying, assigning, progress, undoing
from dispatch.services.applying import NotProposed, split_stale
from dispatch.services.changes import Change, Versions
from dispatch.services.undoing import NothingToUndo
from tests.dispatch.days import Line, live, plan, policy
from tests.factories import DAY, CompanyFactory, on_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def proposed(line: Line) -> DispatchRun:
    return DispatchRun.objects.get(pk=plan(line.company, apply=False).run)


def apply(run: DispatchRun, now=None):
    return applying.apply_run(run=run, actor=None, now=now or on_day(0, 10))


def undo(line: Line, now=None):
    return undoing.undo(company=line.company, day=DAY, actor=None, now=now or on_day(0, 20))


def rows(**filters):
    return set(
        Assignment.objects.filter(**filters).values_list("booking", "shift", "pickup_at", "status")
    )


# --- Applying a proposal later ------------------------------------------------------------------


def test_a_proposal_applied_later_goes_live_under_the_same_run(line):
    booking = line.booking(1, 3, 9)
    line.shift()
    run = proposed(line)

    left = apply(run)

    assert left == []
    assert live(booking).dispatch_run == run
    run.refresh_from_db()
    assert (run.state, run.applied_at) == (RunState.APPLIED, on_day(0, 10))
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ASSIGNED


def test_a_run_is_applied_once(line):
    run = proposed(line)
    apply(run)

    with pytest.raises(NotProposed):
        apply(run)


def test_a_booking_cancelled_meanwhile_is_left_and_the_rest_applied(line):
    gone, kept = line.booking(1, 3, 9), line.booking(1, 3, 12)
    line.shift()
    run = proposed(line)
    progress.cancel(booking=gone, actor=None, now=on_day(0, 5), reason="feels better")

    left = apply(run)

    assert left == [{"booking": gone.reference}]
    assert live(gone) is None
    assert live(kept)
    gone.refresh_from_db()
    assert gone.status == BookingStatus.CANCELLED


def test_a_shift_given_another_ride_meanwhile_keeps_it_and_takes_no_proposal(line):
    first, second = line.booking(1, 6, 9), line.booking(6, 1, 9)
    shift, other = line.shift(), line.shift()
    run = proposed(line)
    proposed_for = run.assignments.get(booking=first).shift
    assigning.assign(booking=second, shift=proposed_for, actor=None, now=on_day(0, 5))

    left = apply(run)

    assert {row["booking"] for row in left} == {first.reference, second.reference}
    assert live(second).shift == proposed_for
    assert live(first) is None
    assert {shift, other} >= {proposed_for}


def test_a_pickup_whose_time_has_passed_is_left(line):
    early, late = line.booking(1, 3, 9), line.booking(1, 3, 15)
    line.shift()
    run = proposed(line)

    left = apply(run, now=on_day(12))

    assert left == [{"booking": early.reference}]
    assert live(late)


def test_an_untouched_row_survives_a_run_with_its_lock(line):
    booking = line.booking(1, 3, 9)
    line.shift()
    plan(line.company)
    assigning.set_lock(booking=booking, lock=Lock.DRIVER)
    before = live(booking)

    plan(line.company)

    assert live(booking) == before
    assert live(booking).lock == Lock.DRIVER


def change(booking, old=None, new=None):
    def row(shift):
        return None if shift is None else Assignment(shift_id=shift)

    return Change(booking, row(old), row(new))


@pytest.mark.parametrize(
    ("changes", "stale_bookings", "stale_shifts", "left"),
    [
        # Nothing changed.
        ([change(1, new=10)], set(), set(), set()),
        # A new booking that changed leaves a hole.
        ([change(1, new=10), change(2, new=10)], {1}, set(), {1}),
        # One that stays on its shift keeps the others out of it.
        ([change(1, old=10, new=11), change(2, new=10)], {1}, set(), {1, 2}),
        # ... and so on along the shifts.
        (
            [change(1, old=10, new=11), change(2, old=12, new=10), change(3, new=12)],
            {1},
            set(),
            {1, 2, 3},
        ),
        # A route that changed takes nothing and gives nothing.
        ([change(1, old=10, new=11), change(2, new=12)], set(), {10}, {1}),
        # What loses its driver on a shift that changed stays.
        ([change(1, old=10)], set(), {10}, {1}),
    ],
)
def test_what_is_linked_by_a_shift_that_keeps_a_ride_stays_together(
    changes, stale_bookings, stale_shifts, left
):
    read = Versions(dict.fromkeys(range(1, 4), 1), dict.fromkeys(range(10, 13), 1))
    now = Versions(
        {pk: 1 + (pk in stale_bookings) for pk in read.bookings},
        {pk: 1 + (pk in stale_shifts) for pk in read.shifts},
    )

    fresh, stale = split_stale(changes, read=read, now=now)

    assert {change.booking_id for change in stale} == left
    assert len(fresh) + len(stale) == len(changes)


# --- Undo ---------------------------------------------------------------------------------------


def test_undoing_the_first_plan_takes_everything_back(line):
    booking = line.booking(1, 3, 9)
    line.shift()
    summary = plan(line.company)

    undone = undo(line)

    assert (undone.run, undone.restored, undone.taken_back, undone.left) == (summary.run, 0, 1, [])
    assert live(booking) is None
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ACCEPTED
    assert DispatchRun.objects.get().state == RunState.UNDONE


def test_undo_restores_the_rows_that_were_live_before(line):
    policy(line.company, change_driver_min=0)
    line.shift(12)
    booking = line.booking(1, 3, 9)
    plan(line.company)
    before = rows(status=AssignmentStatus.LIVE)
    line.shift(1)
    line.booking(1, 3, 12)
    plan(line.company)
    assert rows(status=AssignmentStatus.LIVE) != before

    undo(line)

    assert rows(status=AssignmentStatus.LIVE) == before
    assert live(booking)


def test_a_second_undo_goes_one_run_further(line):
    policy(line.company, change_driver_min=0)
    line.shift(12)
    booking = line.booking(1, 3, 9)
    first = plan(line.company).run
    line.shift(1)
    second = plan(line.company).run

    assert [undo(line).run, undo(line).run] == [second, first]
    assert live(booking) is None
    with pytest.raises(NothingToUndo):
        undo(line)


def test_what_is_under_way_moved_or_cancelled_since_is_left_and_listed(line):
    shift, other = line.shift(), line.shift()
    started, moved, cancelled, free = (line.booking(1, 3, hour) for hour in (8, 10, 12, 14))
    plan(line.company)
    for to, minute in ((BookingStatus.EN_ROUTE, 0), (BookingStatus.ARRIVED, 5)):
        progress.report(booking=started, to=to, actor=None, now=on_day(8, minute))
    target = other if live(moved).shift == shift else shift
    assigning.move(booking=moved, shift=target, actor=None, now=on_day(8))
    progress.cancel(booking=cancelled, actor=None, now=on_day(8), reason="feels better")

    undone = undo(line, now=on_day(8, 10))

    assert undone.left == sorted([started.reference, moved.reference, cancelled.reference])
    assert live(started)
    assert live(moved).shift == target
    assert live(free) is None


def test_what_no_longer_fits_is_left(line):
    policy(line.company, change_driver_min=0)
    far = line.shift(12)
    booking = line.booking(1, 3, 9)
    plan(line.company)
    near = line.shift(1)
    plan(line.company)
    assert live(booking).shift == near
    far.driver.active = False
    far.driver.save()

    undone = undo(line)

    assert undone.left == [booking.reference]
    assert live(booking).shift == near


def test_undo_of_another_companys_day_finds_nothing(line):
    line.booking(1, 3, 9)
    line.shift()
    plan(line.company)

    with pytest.raises(NothingToUndo):
        undoing.undo(company=CompanyFactory(), day=DAY, actor=None, now=on_day(1))


@pytest.mark.parametrize("rides", [2, 20])
def test_undo_costs_the_same_statements_however_many_rides(line, rides, django_assert_num_queries):
    for base in range(3):
        line.shift(base)
    for number in range(rides):
        line.booking(number % 5, 6, 8 + number % 8)
    plan(line.company)

    # Run, rows, locks, rows again, policy, shifts, bookings, supersede, numbers, moves, run; a
    # savepoint around the writes and one around the whole.
    with django_assert_num_queries(11 + 4):
        undo(line)


# --- Decisions of a person ------------------------------------------------------------------------


def test_a_ride_given_by_hand_obeys_the_rule_of_plans(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9)

    row = assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(0))

    assert on_day(8, 55) <= row.pickup_at <= on_day(9, 10)
    assert row.dispatch_run is None


def test_a_ride_by_hand_is_given_the_time_that_was_asked_for(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9)

    row = assigning.assign(
        booking=booking, shift=shift, actor=None, now=on_day(0), pickup_at=on_day(9, 4)
    )

    assert row.pickup_at == on_day(9, 4)


def test_a_time_outside_the_window_is_refused_with_the_reason(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9)

    with pytest.raises(assigning.RideDoesNotFit):
        assigning.assign(
            booking=booking, shift=shift, actor=None, now=on_day(0), pickup_at=on_day(9, 30)
        )
    assert live(booking) is None


def test_the_others_keep_their_times(line):
    shift = line.shift()
    planned = [line.booking(1, 3, hour) for hour in (8, 12, 15)]
    plan(line.company)
    before = rows(booking__in=planned)
    booking = line.booking(1, 3, 10)

    assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(0))

    assert rows(booking__in=planned) == before


def test_two_rides_at_once_do_not_fit_one_driver(line):
    shift = line.shift()
    first, second = line.booking(1, 6, 9), line.booking(1, 6, 9)
    assigning.assign(booking=first, shift=shift, actor=None, now=on_day(0))

    with pytest.raises(assigning.RideDoesNotFit):
        assigning.assign(booking=second, shift=shift, actor=None, now=on_day(0))


def test_a_return_is_given_to_a_driver_other_than_its_outbounds(line):
    shift, other = line.shift(), line.shift()
    out = line.booking(1, 3, 9, arrive_by=True)
    back = line.booking(3, 1, 11, outbound=out)
    assigning.assign(booking=out, shift=shift, actor=None, now=on_day(0))

    row = assigning.assign(booking=back, shift=other, actor=None, now=on_day(0))

    assert row.shift == other


def test_a_move_supersedes_and_leaves_the_booking_assigned(line):
    shift, other = line.shift(), line.shift()
    booking = line.booking(1, 3, 9)
    old = assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(0))

    new = assigning.move(booking=booking, shift=other, actor=None, now=on_day(0))

    old.refresh_from_db()
    assert (old.status, new.shift) == (AssignmentStatus.SUPERSEDED, other)
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ASSIGNED


def test_so_soon_before_the_pickup_a_reason_is_due(line):
    shift, other = line.shift(), line.shift()
    booking = line.booking(1, 3, 9)
    assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(8, 30))
    soon = live(booking).pickup_at - timedelta(minutes=9)

    with pytest.raises(assigning.TooLateToReassign):
        assigning.move(booking=booking, shift=other, actor=None, now=soon)
    assigning.move(booking=booking, shift=other, actor=None, now=soon, reason="flat tyre")

    assert live(booking).shift == other


def test_a_ride_taken_back_waits_again(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9)
    row = assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(0))

    assigning.take_back(booking=booking, actor=None, now=on_day(0))

    row.refresh_from_db()
    booking.refresh_from_db()
    assert (row.status, booking.status) == (AssignmentStatus.CANCELLED, BookingStatus.ACCEPTED)


def test_without_a_driver_there_is_nothing_to_decide(line):
    booking, shift = line.booking(1, 3, 9), line.shift()

    with pytest.raises(assigning.NotAssigned):
        assigning.move(booking=booking, shift=shift, actor=None, now=on_day(0))
    with pytest.raises(assigning.NotAssigned):
        assigning.take_back(booking=booking, actor=None, now=on_day(0))
    with pytest.raises(assigning.NotAssigned):
        assigning.set_lock(booking=booking, lock=Lock.DRIVER)


def test_a_ride_follows_its_booking_to_the_end_and_back(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9)
    row = assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(0))
    for minute, to in enumerate(("en_route", "arrived", "on_board", "completed"), start=1):
        progress.report(booking=booking, to=BookingStatus(to), actor=None, now=on_day(9, minute))
    row.refresh_from_db()
    assert row.status == AssignmentStatus.DONE

    progress.correct(
        booking=booking,
        correction=moves.Correction.UNDO_COMPLETED,
        actor=None,
        now=on_day(9, 9),
        reason="wrong button",
    )

    row.refresh_from_db()
    assert row.status == AssignmentStatus.LIVE


def test_a_cancelled_booking_has_no_driver(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9)
    assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(0))

    progress.cancel(booking=booking, actor=None, now=on_day(1), reason="feels better")

    assert live(booking) is None
