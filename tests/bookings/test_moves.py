"""Moving bookings: what is recorded, what is refused, what it costs."""

import itertools
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bookings.models import Booking
from bookings.services import moves
from bookings.signals import booking_changed
from bookings.states import CORRECTIONS, MOVES, REPORTED, BookingStatus, Correction, IllegalMove
from tests.factories import BookingFactory, CompanyFactory, UserFactory, on_day

S = BookingStatus
NOW = on_day(8)
PAIRS = [(a, b) for a in BookingStatus for b in BookingStatus]


def latest_event(booking):
    return booking.events.order_by("-id").first()


@pytest.mark.django_db
@pytest.mark.parametrize(("from_status", "to"), PAIRS)
def test_each_pair_moves_and_is_recorded_or_is_refused(from_status, to):
    aboard = NOW - timedelta(minutes=9) if from_status == S.ON_BOARD else None
    booking = BookingFactory(status=from_status, actual_pickup_at=aboard)
    actor = UserFactory(company=booking.company)

    if to in MOVES[from_status]:
        moves.move(booking=booking, to=to, actor=actor, now=NOW, reason="Said so")

        event = latest_event(booking)
        assert booking.status == to
        assert (event.from_status, event.to_status) == (from_status, to)
        assert (event.actor, event.reason, event.happened_at) == (actor, "Said so", NOW)
    else:
        with pytest.raises(IllegalMove):
            moves.move(booking=booking, to=to, actor=actor, now=NOW, reason="Said so")

        booking.refresh_from_db()
        assert booking.status == from_status
        assert booking.events.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("correction", Correction)
@pytest.mark.parametrize("status", BookingStatus)
def test_a_correction_works_from_its_own_state_only(correction, status):
    booking = BookingFactory(status=status)
    wrong, right = CORRECTIONS[correction]

    if status == wrong:
        moves.correct(
            booking=booking, correction=correction, actor=None, now=NOW, reason="Wrong row"
        )

        assert booking.status == right
        assert latest_event(booking).reason == "Wrong row"
    else:
        with pytest.raises(IllegalMove):
            moves.correct(
                booking=booking, correction=correction, actor=None, now=NOW, reason="Wrong row"
            )


@pytest.mark.django_db
def test_reports_write_the_actual_times_and_corrections_clear_them():
    booking = BookingFactory(status=S.ARRIVED)
    boarded, delivered = NOW - timedelta(minutes=30), NOW - timedelta(minutes=5)

    moves.move(booking=booking, to=S.ON_BOARD, actor=None, now=NOW, at=boarded)
    moves.move(booking=booking, to=S.COMPLETED, actor=None, now=NOW, at=delivered)

    assert (booking.actual_pickup_at, booking.actual_delivery_at) == (boarded, delivered)
    assert latest_event(booking).happened_at == delivered

    for correction in (Correction.UNDO_COMPLETED, Correction.UNDO_ON_BOARD):
        moves.correct(booking=booking, correction=correction, actor=None, now=NOW, reason="Oops")
        assert booking.actual_delivery_at is None
    assert booking.actual_pickup_at is None
    assert booking.status == S.ARRIVED


@pytest.mark.django_db
def test_a_report_before_the_last_one_is_refused_even_after_a_correction():
    booking = BookingFactory(status=S.ASSIGNED)
    left = NOW - timedelta(minutes=20)
    moves.move(booking=booking, to=S.EN_ROUTE, actor=None, now=NOW, at=left)
    moves.move(booking=booking, to=S.ARRIVED, actor=None, now=NOW)
    moves.correct(
        booking=booking, correction=Correction.UNDO_ARRIVED, actor=None, now=NOW, reason="Not yet"
    )

    with pytest.raises(moves.TimesOutOfOrder):
        moves.move(
            booking=booking, to=S.ARRIVED, actor=None, now=NOW, at=left - timedelta(seconds=1)
        )
    moves.move(booking=booking, to=S.ARRIVED, actor=None, now=NOW, at=left)

    assert booking.status == S.ARRIVED


@pytest.mark.django_db
def test_a_time_that_has_not_come_is_refused():
    booking = BookingFactory(status=S.ASSIGNED)

    with pytest.raises(moves.TimeInFuture):
        moves.move(
            booking=booking, to=S.EN_ROUTE, actor=None, now=NOW, at=NOW + timedelta(seconds=1)
        )


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", "  "])
@pytest.mark.parametrize("to", [S.REJECTED, S.CANCELLED])
def test_saying_no_needs_a_reason(to, reason):
    booking = BookingFactory(status=S.PENDING)

    with pytest.raises(moves.ReasonMissing):
        moves.move(booking=booking, to=to, actor=None, now=NOW, reason=reason)
    with pytest.raises(moves.ReasonTooLong):
        moves.move(booking=booking, to=to, actor=None, now=NOW, reason="x" * 201)


@pytest.mark.django_db
def test_a_will_call_is_given_to_no_driver_before_it_is_confirmed():
    booking = BookingFactory(will_call=True, time_confirmed=False)

    with pytest.raises(moves.TimeUnconfirmed):
        moves.move(booking=booking, to=S.ASSIGNED, actor=None, now=NOW)
    moved = moves.move_many(
        company=booking.company, booking_ids=[booking.pk], to=S.ASSIGNED, actor=None, now=NOW
    )

    assert moved == set()


@pytest.mark.django_db
def test_a_set_moves_what_may_move_and_leaves_the_rest():
    company = CompanyFactory()
    free, taken = BookingFactory(company=company), BookingFactory(company=company, status=S.PENDING)
    foreign = BookingFactory()

    moved = moves.move_many(
        company=company,
        booking_ids=[taken.pk, foreign.pk, free.pk],
        to=S.ASSIGNED,
        actor=None,
        now=NOW,
        reason="Run",
        reasons={free.pk: "Run, its own"},
    )

    assert moved == {free.pk}
    assert latest_event(free).reason == "Run, its own"
    assert {b.status for b in Booking.objects.filter(pk__in=[taken.pk, foreign.pk])} == {
        S.PENDING,
        S.ACCEPTED,
    }


@pytest.mark.django_db
def test_a_set_may_be_told_which_states_to_move_from():
    company = CompanyFactory()
    assigned = BookingFactory(company=company, status=S.ASSIGNED)
    pending = BookingFactory(company=company, status=S.PENDING)

    moved = moves.move_many(
        company=company,
        booking_ids=[assigned.pk, pending.pk],
        to=S.ACCEPTED,
        froms=[S.ASSIGNED],
        actor=None,
        now=NOW,
    )

    assert moved == {assigned.pk}
    with pytest.raises(IllegalMove):
        moves.move_many(
            company=company,
            booking_ids=[assigned.pk],
            to=S.ACCEPTED,
            froms=[S.ON_BOARD],
            actor=None,
            now=NOW,
        )


@pytest.mark.django_db
def test_cancelling_a_set_keeps_each_reason():
    company = CompanyFactory()
    first, second = BookingFactory.create_batch(2, company=company)

    moves.move_many(
        company=company,
        booking_ids=[first.pk, second.pk],
        to=S.CANCELLED,
        actor=None,
        now=NOW,
        reason="Ward closed",
        reasons={second.pk: "In hospital"},
    )

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.cancel_reason, second.cancel_reason) == ("Ward closed", "In hospital")


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 50])
def test_a_set_moves_in_one_statement_however_many_rows(rows, django_assert_num_queries):
    company = CompanyFactory()
    ids = [b.pk for b in BookingFactory.create_batch(rows, company=company)]

    with django_assert_num_queries(1):
        moved = moves.move_many(
            company=company, booking_ids=ids, to=S.ASSIGNED, actor=None, now=NOW
        )

    assert moved == set(ids)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [S.PENDING, S.COMPLETED])
def test_the_actor_of_one_move_never_answers_for_another(status):
    """Neither after a move of no row nor after one that was made."""
    booking = BookingFactory(status=status)
    bystander = BookingFactory(company=booking.company)
    actor = UserFactory(company=booking.company)

    moves.move_many(
        company=booking.company,
        booking_ids=[booking.pk],
        to=S.CANCELLED,
        actor=actor,
        now=NOW,
        reason="Mine",
    )
    Booking.objects.filter(pk=bystander.pk).update(status=S.ASSIGNED)

    event = latest_event(bystander)
    assert (event.actor, event.reason) == (None, "")


@pytest.mark.django_db(transaction=True)
def test_a_failed_move_leaves_no_word_behind():
    booking = BookingFactory(status=S.ARRIVED)
    actor = UserFactory(company=booking.company)
    # A time before the pickup breaks a constraint of the table, after the word was given.
    Booking.objects.filter(pk=booking.pk).update(
        status=S.ON_BOARD, actual_pickup_at=NOW + timedelta(hours=1)
    )

    with transaction.atomic():
        with pytest.raises(Exception, match="booking_delivered_after_pickup"), transaction.atomic():
            moves.move(booking=booking, to=S.COMPLETED, actor=actor, now=NOW, reason="Mine")
        Booking.objects.filter(pk=booking.pk).update(status=S.ARRIVED)

    assert latest_event(booking).actor is None


def somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_of_two_moves_at_once_one_wins_and_the_other_is_told():
    booking = BookingFactory(status=S.PENDING)
    told = []

    def reject():
        try:
            late = Booking.objects.get(pk=booking.pk)
            moves.move(booking=late, to=S.REJECTED, actor=None, now=NOW, reason="No")
        except IllegalMove as exc:
            told.append(exc.code)
        finally:
            connection.close()

    other = threading.Thread(target=reject)
    with transaction.atomic():
        moves.move(booking=booking, to=S.ACCEPTED, actor=None, now=NOW)
        other.start()
        deadline = time.monotonic() + 10
        while not somebody_waits():
            assert time.monotonic() < deadline, "the second move did not wait for the first"
    other.join(10)

    booking.refresh_from_db()
    assert (booking.status, told) == (S.ACCEPTED, ["illegal-move"])


@pytest.mark.django_db
def test_listeners_hear_of_moved_bookings_after_commit(django_capture_on_commit_callbacks):
    booking, heard = BookingFactory(), []

    def listen(sender, **message):
        heard.append((message["company_id"], message["booking_ids"]))

    booking_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            moves.move(booking=booking, to=S.ASSIGNED, actor=None, now=NOW)
            assert heard == []
    finally:
        booking_changed.disconnect(listen)

    assert heard == [(booking.company_id, [booking.pk])]


class Machine(RuleBasedStateMachine):
    """Random moves and corrections of three bookings, beside a model of what they should do."""

    def __init__(self):
        super().__init__()
        self.company = CompanyFactory()
        self.bookings = BookingFactory.create_batch(3, company=self.company, status=S.PENDING)
        self.status = [S.PENDING] * 3
        self.now = NOW

    @rule(which=st.integers(0, 2), to=st.sampled_from(S), minutes=st.integers(0, 3))
    def one(self, which, to, minutes):
        self.now += timedelta(minutes=minutes)
        legal = to in MOVES[self.status[which]]
        try:
            moves.move(
                booking=self.bookings[which], to=to, actor=None, now=self.now, reason="Because"
            )
        except IllegalMove:
            assert not legal
        else:
            assert legal
            self.status[which] = to

    @rule(which=st.integers(0, 2), correction=st.sampled_from(Correction))
    def correct(self, which, correction):
        wrong, right = CORRECTIONS[correction]
        booking = self.bookings[which]
        try:
            moves.correct(
                booking=booking, correction=correction, actor=None, now=self.now, reason="Oops"
            )
        except IllegalMove:
            assert self.status[which] != wrong
        else:
            assert self.status[which] == wrong
            self.status[which] = right

    @rule(which=st.sets(st.integers(0, 2)), to=st.sampled_from(S))
    def several(self, which, to):
        moved = moves.move_many(
            company=self.company,
            booking_ids=[self.bookings[n].pk for n in which],
            to=to,
            actor=None,
            now=self.now,
            reason="All of them",
        )
        legal = [n for n in which if to in MOVES[self.status[n]]]
        assert moved == {self.bookings[n].pk for n in legal}
        for n in legal:
            self.status[n] = to

    @invariant()
    def rows_and_events_tell_the_same_story(self):
        for booking, status in zip(self.bookings, self.status, strict=True):
            booking.refresh_from_db()
            assert booking.status == status
            steps = list(booking.events.order_by("id").values_list("from_status", "to_status"))
            assert steps[0] == ("", S.PENDING)
            assert steps[-1][1] == status
            for (_, reached), (left, _) in itertools.pairwise(steps):
                assert reached == left
            aboard = status in {S.ON_BOARD, S.COMPLETED}
            assert (booking.actual_pickup_at is not None) == aboard
            assert (booking.actual_delivery_at is not None) == (status == S.COMPLETED)


@pytest.mark.django_db
def test_machine_and_database_agree_whatever_is_pressed():
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=15, stateful_step_count=25, deadline=None)
    )


def test_every_reported_state_has_a_way_back():
    wrong_states = {wrong for wrong, _ in CORRECTIONS.values()}

    assert wrong_states >= REPORTED
