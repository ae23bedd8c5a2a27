"""Bookings are made, accepted, and end; nothing is decided silently about a return."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from atmr.errors import refusal_of
from bookings.models import Anchor, Booking, Mobility, Priority
from bookings.services import booking as bookings
from bookings.services import ending, timing, trips
from bookings.services.references import reference_of
from bookings.states import BookingStatus, IllegalMove
from tests.factories import (
    BookingFactory,
    ClientFactory,
    CompanyFactory,
    PartnerAgreementFactory,
    PartnerFactory,
    PlaceFactory,
    UserFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

S = BookingStatus
NOW = on_day(6)
WINDOW = {"window_before_min": 5, "window_after_min": 10}


@pytest.fixture
def company():
    return CompanyFactory()


@pytest.fixture
def client(company):
    return ClientFactory(company=company, mobility=Mobility.WHEELCHAIR, companions=1)


def draft(company, client, **details):
    if "appointment_at" not in details:
        details.setdefault("requested_pickup_at", on_day(9))
    return bookings.draft(
        company=company,
        client=client,
        pickup_place=PlaceFactory(company=company),
        delivery_place=PlaceFactory(company=company),
        **details,
    )


def round_trip(company, client, **given):
    outbound = draft(company, client, appointment_at=on_day(9))
    given.setdefault("return_pickup_at", on_day(11))
    return trips.book_round_trip(outbound=outbound, actor=None, now=NOW, **given)


def test_a_booking_is_as_its_client_is_today(company, client):
    booking = bookings.create_booking(booking=draft(company, client), actor=None, now=NOW)
    client.companions = 0
    client.save()

    booking.refresh_from_db()
    assert (booking.mobility, booking.companions) == (Mobility.WHEELCHAIR, 1)
    assert (booking.status, booking.anchor) == (S.PENDING, Anchor.PICKUP)
    assert booking.reference == reference_of(booking.pk)


def test_what_is_said_outranks_the_client(company, client):
    booking = draft(company, client, mobility=Mobility.WALKS, priority=Priority.URGENT)

    assert (booking.mobility, booking.companions) == (Mobility.WALKS, 1)
    assert booking.priority == Priority.URGENT


def test_the_creation_is_recorded_with_who_made_it(company, client):
    actor = UserFactory(company=company)

    booking = bookings.create_booking(booking=draft(company, client), actor=actor, now=NOW)

    event = booking.events.get()
    assert (event.from_status, event.to_status) == ("", S.PENDING)
    assert (event.actor, event.happened_at) == (actor, NOW)


def test_a_booking_without_any_time_is_refused(company, client):
    with pytest.raises(bookings.TimeMissing):
        draft(company, client, requested_pickup_at=None, appointment_at=None)


def test_a_client_who_is_no_longer_carried_is_refused(company, client):
    client.active = False

    with pytest.raises(bookings.ClientInactive):
        bookings.create_booking(booking=draft(company, client), actor=None, now=NOW)


@pytest.mark.parametrize("agreed", [None, False])
def test_a_partner_needs_an_active_agreement(company, client, agreed):
    partner = PartnerFactory()
    if agreed is not None:
        PartnerAgreementFactory(company=company, partner=partner, active=agreed)

    with pytest.raises(bookings.NoAgreement):
        bookings.create_booking(
            booking=draft(company, client, partner=partner), actor=None, now=NOW
        )


def test_the_same_reference_of_a_partner_is_refused_by_name(company, client):
    partner = PartnerFactory(company=company)
    twice = [draft(company, client, partner=partner, partner_reference="A-17") for _ in range(2)]
    bookings.create_booking(booking=twice[0], actor=None, now=NOW)

    with pytest.raises(IntegrityError) as fired:
        bookings.create_booking(booking=twice[1], actor=None, now=NOW)

    assert refusal_of(fired.value).code == "already-booked"


@pytest.mark.parametrize("rows", [1, 40])
def test_many_are_stored_in_three_statements(company, client, rows, django_assert_num_queries):
    place, other = PlaceFactory.create_batch(2, company=company)
    drafts = [
        bookings.draft(
            company=company,
            client=client,
            pickup_place=place,
            delivery_place=other,
            requested_pickup_at=on_day(9),
        )
        for _ in range(rows)
    ]

    # Two more open and close the transaction's savepoint.
    with django_assert_num_queries(5):  # the ids, who makes them, the rows
        bookings.create_many(company=company, bookings=drafts, actor=None, now=NOW)

    assert len({b.reference for b in Booking.objects.all()}) == rows


def test_accepting_promises_the_pickup_it_is_anchored_to(company, client):
    booking = bookings.create_booking(booking=draft(company, client), actor=None, now=NOW)

    bookings.accept(booking=booking, actor=None, now=NOW, **WINDOW)

    assert booking.status == S.ACCEPTED
    assert booking.promised_from == on_day(8, 55)
    assert booking.promised_until == on_day(9, 10)


def test_accepting_promises_no_pickup_to_who_must_arrive_by(company, client):
    booking = bookings.create_booking(
        booking=draft(company, client, appointment_at=on_day(9)), actor=None, now=NOW
    )

    bookings.accept(booking=booking, actor=None, now=NOW, **WINDOW)

    assert (booking.anchor, booking.promised_from) == (Anchor.ARRIVE_BY, None)


def test_accepting_twice_is_refused(company, client):
    booking = bookings.create_booking(booking=draft(company, client), actor=None, now=NOW)
    bookings.accept(booking=booking, actor=None, now=NOW, **WINDOW)

    with pytest.raises(IllegalMove):
        bookings.accept(booking=booking, actor=None, now=NOW, **WINDOW)


def test_accepting_does_not_take_a_booking_back_from_its_driver():
    booking = BookingFactory(status=S.ASSIGNED)

    accepted = bookings.accept_many(
        company=booking.company, booking_ids=[booking.pk], actor=None, now=NOW, **WINDOW
    )

    assert accepted == set()


def test_a_round_trip_goes_back_where_it_came_from(company, client):
    outbound, back = round_trip(company, client)

    back.refresh_from_db()
    assert back.outbound == outbound
    assert (back.pickup_place, back.delivery_place) == (
        outbound.delivery_place,
        outbound.pickup_place,
    )
    assert (back.requested_pickup_at, back.time_confirmed) == (on_day(11), True)
    assert (back.mobility, back.companions) == (outbound.mobility, outbound.companions)


def test_a_return_at_a_fixed_time_needs_that_time(company, client):
    with pytest.raises(trips.ReturnTimeMissing):
        round_trip(company, client, return_pickup_at=None)
    with pytest.raises(trips.ReturnBeforeOutbound):
        round_trip(company, client, return_pickup_at=on_day(8))

    assert not Booking.objects.exists()


def test_a_will_call_is_expected_at_the_end_of_the_appointment(company, client):
    outbound = draft(company, client, appointment_at=on_day(9), appointment_ends_at=on_day(12, 30))

    _, back = trips.book_round_trip(
        outbound=outbound, return_pickup_at=None, will_call=True, actor=None, now=NOW
    )

    assert (back.requested_pickup_at, back.time_confirmed) == (on_day(12, 30), False)


def test_a_return_is_booked_once_and_has_none_itself(company, client):
    outbound = bookings.create_booking(booking=draft(company, client), actor=None, now=NOW)
    back = trips.book_return(outbound=outbound, return_pickup_at=on_day(11), actor=None, now=NOW)

    for again, refusal in ((outbound, trips.ReturnBooked), (back, trips.ReturnOfReturn)):
        with pytest.raises(refusal):
            trips.book_return(outbound=again, return_pickup_at=on_day(12), actor=None, now=NOW)


def test_a_confirmed_will_call_is_promised_and_may_be_assigned(company, client):
    _, back = round_trip(company, client, will_call=True)
    bookings.accept(booking=back, actor=None, now=NOW, **WINDOW)
    assert back.promised_from is None

    timing.confirm_will_call(booking=back, at=on_day(11, 40), **WINDOW)

    assert (back.time_confirmed, back.requested_pickup_at) == (True, on_day(11, 40))
    assert (back.promised_from, back.promised_until) == (on_day(11, 35), on_day(11, 50))
    with pytest.raises(timing.AlreadyConfirmed):
        timing.confirm_will_call(booking=back, at=on_day(12), **WINDOW)


def test_only_an_open_will_call_is_confirmed(company, client):
    outbound, back = round_trip(company, client, will_call=True)

    with pytest.raises(timing.NotWillCall):
        timing.confirm_will_call(booking=outbound, at=on_day(12), **WINDOW)
    with pytest.raises(trips.ReturnBeforeOutbound):
        timing.confirm_will_call(booking=back, at=on_day(8), **WINDOW)
    ending.cancel(booking=back, actor=None, now=NOW, reason="Stays overnight")
    with pytest.raises(timing.NotOpen):
        timing.confirm_will_call(booking=back, at=on_day(12), **WINDOW)


END = {
    "cancel": (S.ACCEPTED, ending.cancel, {"reason": "In hospital"}, S.CANCELLED, S.CANCELLED),
    "no_show": (S.ARRIVED, ending.no_show, {}, S.NO_SHOW, S.CANCELLED),
    "reject": (S.PENDING, ending.reject, {"reason": "Full"}, S.REJECTED, S.REJECTED),
}


@pytest.mark.parametrize(("status", "end", "said", "left", "back_left"), END.values(), ids=END)
def test_an_outbound_that_ends_asks_what_becomes_of_its_return(
    company, client, status, end, said, left, back_left
):
    outbound, back = round_trip(company, client)
    Booking.objects.filter(pk=outbound.pk).update(status=status)

    with pytest.raises(ending.ReturnUndecided) as asked:
        end(booking=outbound, actor=None, now=NOW, **said)
    outbound.refresh_from_db()
    assert outbound.status == status
    assert back.reference in str(asked.value)

    ended = end(booking=outbound, actor=None, now=NOW, return_too=True, **said)

    back.refresh_from_db()
    assert (outbound.status, back.status) == (left, back_left)
    assert ended == {outbound.pk, back.pk}


@pytest.mark.parametrize(("status", "end", "said", "left", "back_left"), END.values(), ids=END)
def test_a_return_that_is_kept_stands_alone(company, client, status, end, said, left, back_left):
    outbound, back = round_trip(company, client)
    Booking.objects.filter(pk=outbound.pk).update(status=status)

    ended = end(booking=outbound, actor=None, now=NOW, return_too=False, **said)

    back.refresh_from_db()
    assert (outbound.status, back.status, back.stands_alone) == (left, S.PENDING, True)
    assert ended == {outbound.pk}


def test_a_return_that_is_over_is_not_asked_about(company, client):
    outbound, back = round_trip(company, client)
    ending.cancel(booking=back, actor=None, now=NOW, reason="Stays overnight")

    ending.cancel(booking=outbound, actor=None, now=NOW, reason="Postponed")

    assert outbound.status == S.CANCELLED


def test_a_booking_with_a_driver_ends_only_with_its_assignment():
    booking = BookingFactory(status=S.ASSIGNED)

    with pytest.raises(ending.HasDriver):
        ending.cancel(booking=booking, actor=None, now=NOW, reason="In hospital")
    booking.refresh_from_db()
    assert booking.status == S.ASSIGNED

    ending.cancel(booking=booking, actor=None, now=NOW, reason="In hospital", with_driver=True)
    assert (booking.status, booking.cancel_reason) == (S.CANCELLED, "In hospital")


def test_a_return_on_board_keeps_its_outbound_from_ending(company, client):
    outbound, back = round_trip(company, client)
    Booking.objects.filter(pk=back.pk).update(status=S.ON_BOARD, actual_pickup_at=NOW)

    with pytest.raises(IllegalMove):
        ending.cancel(
            booking=outbound,
            actor=None,
            now=NOW,
            reason="In hospital",
            return_too=True,
            with_driver=True,
        )

    outbound.refresh_from_db()
    assert outbound.status == S.PENDING


def test_another_time_is_promised_anew(company, client):
    booking = bookings.create_booking(booking=draft(company, client), actor=None, now=NOW)
    bookings.accept(booking=booking, actor=None, now=NOW, **WINDOW)

    timing.change_time(booking=booking, requested_pickup_at=on_day(10), **WINDOW)

    assert (booking.scheduled_at, booking.promised_from) == (on_day(10), on_day(9, 55))


def test_an_appointment_that_moves_takes_its_end_along_and_promises_nothing(company, client):
    booking = draft(company, client, appointment_at=on_day(9), appointment_ends_at=on_day(10))
    bookings.create_booking(booking=booking, actor=None, now=NOW)
    bookings.accept(booking=booking, actor=None, now=NOW, **WINDOW)

    timing.change_time(booking=booking, appointment_at=on_day(14), **WINDOW)

    assert (booking.scheduled_at, booking.appointment_ends_at) == (on_day(14), on_day(15))
    assert booking.promised_from is None


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (S.ASSIGNED, timing.HasDriver),
        (S.EN_ROUTE, timing.HasDriver),
        (S.ON_BOARD, timing.NotOpen),
        (S.COMPLETED, timing.NotOpen),
        (S.CANCELLED, timing.NotOpen),
    ],
)
def test_the_time_of_what_is_under_way_or_over_stays(status, refusal):
    booking = BookingFactory(status=status)

    with pytest.raises(refusal):
        timing.change_time(booking=booking, requested_pickup_at=on_day(10), **WINDOW)

    booking.refresh_from_db()
    assert booking.requested_pickup_at == on_day(9)


def test_no_leg_of_a_trip_is_moved_across_the_other(company, client):
    outbound, back = round_trip(company, client)

    with pytest.raises(trips.ReturnBeforeOutbound):
        timing.change_time(booking=outbound, appointment_at=on_day(11, 1), **WINDOW)
    with pytest.raises(trips.ReturnBeforeOutbound):
        timing.change_time(
            booking=back, requested_pickup_at=on_day(9) - timedelta(minutes=1), **WINDOW
        )
    timing.change_time(booking=back, requested_pickup_at=on_day(12), **WINDOW)
    timing.change_time(booking=outbound, appointment_at=on_day(11, 1), **WINDOW)

    assert outbound.scheduled_at == on_day(11, 1)
