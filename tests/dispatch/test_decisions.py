"""What a person decides: each step calls its service, within the company and the role."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.console.decisions import BY_SLUG, STEPS
from dispatch.models import Assignment, AssignmentStatus, Lock
from tests.factories import (
    AssignmentFactory,
    BookingFactory,
    CompanyFactory,
    ShiftFactory,
    UserFactory,
    on_day,
)

NOW = on_day(8, 30)
S = BookingStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


@pytest.fixture
def frozen():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def dispatcher(client):
    user = UserFactory(role=Role.DISPATCHER, language="en")
    client.force_login(user)
    return user


def address(step, *bookings):
    query = "&".join(f"booking={booking.pk}" for booking in bookings)
    return f"{reverse('console:decide', args=[step])}?{query}"


def ready_for(step, company):
    """Give a booking for which the step is offered, and what a person would answer."""
    driven = {S.ASSIGNED, S.EN_ROUTE, S.ARRIVED, S.ON_BOARD}
    status = sorted(BY_SLUG[step].states, key=list(S).index)[0]
    facts = {"company": company, "status": status}
    if step == "confirm":
        facts |= {"will_call": True, "time_confirmed": False, "status": S.ACCEPTED}
    if status == S.ON_BOARD:
        facts["actual_pickup_at"] = on_day(8, 15)
    booking = BookingFactory(**facts)
    shift = ShiftFactory(company=company, start_place=booking.pickup_place)
    if status in driven:
        lock = sorted(BY_SLUG[step].lock)[0]
        AssignmentFactory(booking=booking, shift=shift, lock=lock)
    answers = {
        "reason": "A reason",
        "at": "2027-03-10T08:20",
        "shift": shift.pk,
        "pickup_at": "",
        "requested_pickup_at": "2027-03-10T10:00",
        "return_pickup_at": "2027-03-10T11:00",
    }
    if step == "promise":
        answers["promised_from"] = "2027-03-10T09:20"
    if step == "confirm":
        answers["at"] = "2027-03-10T09:40"
    return booking, answers


def state_of(booking):
    """Give all that a decision can change about a booking."""
    row = Booking.objects.get(pk=booking.pk)
    live = Assignment.objects.live().filter(booking=booking).values_list("shift", "lock")
    returns = Booking.objects.filter(outbound=booking).count()
    times = (row.requested_pickup_at, row.actual_pickup_at, row.promised_from)
    return row.status, row.time_confirmed, *times, list(live), returns


every_step = pytest.mark.parametrize("step", [step.slug for step in STEPS])


@every_step
def test_a_dispatcher_takes_each_decision(client, dispatcher, step):
    booking, answers = ready_for(step, dispatcher.company)
    if step == "move":
        answers["shift"] = ShiftFactory(company=dispatcher.company).pk
    before = state_of(booking)

    asked = client.get(address(step, booking))
    unchanged = state_of(booking)
    response = client.post(address(step, booking), answers)

    assert asked.status_code == 200
    assert unchanged == before
    assert response.status_code == 302, response.context["form"].errors
    assert response["Location"] == reverse("admin:bookings_booking_change", args=[booking.pk])
    assert state_of(booking) != before


@every_step
def test_nobody_else_takes_it(client, dispatcher, step):
    booking, answers = ready_for(step, CompanyFactory())
    before = state_of(booking)

    def post(user, *, browser=client):
        browser.force_login(user)
        return browser.post(address(step, booking), answers)

    own = booking.company
    assert post(dispatcher).status_code == 404  # of another company
    assert post(UserFactory(role=Role.VIEWER, company=own)).status_code == 403
    assert "/login/" in post(UserFactory(role=Role.DRIVER, company=own))["Location"]
    forged = post(UserFactory(company=own), browser=Client(enforce_csrf_checks=True))
    assert forged.status_code == 403
    assert state_of(booking) == before


def test_a_shift_of_another_company_cannot_be_chosen(client, dispatcher):
    booking, answers = ready_for("assign", dispatcher.company)
    answers["shift"] = ShiftFactory().pk

    response = client.post(address("assign", booking), answers)

    assert "shift" in response.context["form"].errors
    assert state_of(booking)[0] == S.ACCEPTED


def test_a_refusal_is_shown_in_the_form_that_stays_filled_in(client, dispatcher):
    booking, answers = ready_for("arrived", dispatcher.company)
    answers["at"] = "2027-03-10T09:00"  # half an hour from now

    response = client.post(address("arrived", booking), answers)

    assert "has not happened yet" in response.content.decode()
    assert 'value="2027-03-10T09:00"' in response.content.decode()
    assert state_of(booking)[0] == S.EN_ROUTE


def test_a_reason_that_is_due_is_asked_for(client, dispatcher):
    booking, answers = ready_for("cancel", dispatcher.company)

    response = client.post(address("cancel", booking), answers | {"reason": " "})

    assert "reason" in response.context["form"].errors
    assert state_of(booking)[0] == S.PENDING


@pytest.mark.parametrize(("answer", "status"), [("1", S.CANCELLED), ("0", S.ACCEPTED)])
def test_cancelling_an_outbound_asks_what_becomes_of_its_return(client, dispatcher, answer, status):
    outbound = BookingFactory(company=dispatcher.company)
    back = BookingFactory(
        company=dispatcher.company, outbound=outbound, requested_pickup_at=on_day(11)
    )

    unanswered = client.post(address("cancel", outbound), {"reason": "In hospital"})
    answered = client.post(
        address("cancel", outbound), {"reason": "In hospital", "return_too": answer}
    )

    assert "return_too" in unanswered.context["form"].errors
    assert answered.status_code == 302
    back.refresh_from_db()
    assert back.status == status
    assert back.stands_alone == (answer == "0")


def test_a_report_keeps_the_time_that_was_told(client, dispatcher):
    booking, _answers = ready_for("on-board", dispatcher.company)

    client.post(address("on-board", booking), {"at": "2027-03-10T08:17"})

    booking.refresh_from_db()
    assert booking.actual_pickup_at == on_day(8, 17)


def test_a_completed_ride_is_corrected_and_live_again(client, dispatcher):
    booking, _answers = ready_for("completed", dispatcher.company)
    client.post(address("completed", booking), {"at": "2027-03-10T08:29"})
    done = Assignment.objects.get(booking=booking).status

    client.post(address("correct", booking), {"reason": "Wrong ride"})

    booking.refresh_from_db()
    assert done == AssignmentStatus.DONE
    assert booking.status == S.ON_BOARD
    assert Assignment.objects.get(booking=booking).status == AssignmentStatus.LIVE


def test_locks_are_set_and_loosened(client, dispatcher):
    booking, _answers = ready_for("lock-driver", dispatcher.company)
    locks = []

    for step in ("lock-driver", "lock-times", "unlock"):
        client.post(address(step, booking))
        locks.append(Assignment.objects.get(booking=booking).lock)

    assert locks == [Lock.DRIVER, Lock.TIMES, Lock.NONE]


def test_the_list_takes_a_decision_for_many_and_tells_each_refusal(client, dispatcher):
    pending = BookingFactory.create_batch(2, company=dispatcher.company, status=S.PENDING)
    gone = BookingFactory(company=dispatcher.company, status=S.COMPLETED)

    response = client.post(
        reverse("admin:bookings_booking_changelist"),
        {"action": "decide_accept", "_selected_action": [b.pk for b in (*pending, gone)]},
    )

    told = [str(message) for message in get_messages(response.wsgi_request)]
    assert {state_of(booking)[0] for booking in pending} == {S.ACCEPTED}
    assert told[0] == "Accept: 2 bookings."
    assert told[1].startswith(f"{gone}: ")


def test_the_list_asks_first_where_an_answer_is_due(client, dispatcher):
    pending = BookingFactory.create_batch(2, company=dispatcher.company, status=S.PENDING)

    asked = client.post(
        reverse("admin:bookings_booking_changelist"),
        {"action": "decide_reject", "_selected_action": [b.pk for b in pending]},
    )
    client.post(asked["Location"], {"reason": "Full"})

    assert {state_of(booking)[0] for booking in pending} == {S.REJECTED}


def test_the_list_offers_a_viewer_no_decision(client):
    client.force_login(UserFactory(role=Role.VIEWER))

    response = client.get(reverse("admin:bookings_booking_changelist"))

    assert "decide_" not in response.content.decode()


def test_a_booking_entered_by_hand_waits_for_acceptance_under_a_reference(client, dispatcher):
    like = BookingFactory(company=dispatcher.company)

    client.post(
        reverse("admin:bookings_booking_add"),
        booking_form(like)
        | {"requested_pickup_at_0": "2027-03-11", "requested_pickup_at_1": "10:00"},
    )

    made = Booking.objects.exclude(pk=like.pk).get()
    assert made.status == S.PENDING
    assert made.reference
    assert made.company == dispatcher.company
    assert made.requested_pickup_at == on_day(10) + timedelta(days=1)
    assert made.events.get().actor == dispatcher


def booking_form(booking, **changes):
    values = {
        "client": booking.client_id,
        "pickup_place": booking.pickup_place_id,
        "delivery_place": booking.delivery_place_id,
        "anchor": booking.anchor,
        "priority": booking.priority,
        "mobility": booking.mobility,
        "companions": booking.companions,
        "payer": booking.payer,
        "events-TOTAL_FORMS": 0,
        "events-INITIAL_FORMS": 0,
        "assignments-TOTAL_FORMS": 0,
        "assignments-INITIAL_FORMS": 0,
    }
    return values | changes


def test_a_form_does_not_undo_what_has_moved_meanwhile(client, dispatcher):
    booking = BookingFactory(company=dispatcher.company)
    page = reverse("admin:bookings_booking_change", args=[booking.pk])

    client.post(page, booking_form(booking, driver_notes="Ring twice"))

    booking.refresh_from_db()
    assert booking.driver_notes == "Ring twice"
    assert booking.status == S.ACCEPTED


def test_what_a_plan_is_built_on_is_closed_while_a_driver_has_it(client, dispatcher):
    booking, _answers = ready_for("move", dispatcher.company)
    elsewhere = BookingFactory(company=dispatcher.company).pickup_place
    page = reverse("admin:bookings_booking_change", args=[booking.pk])

    client.post(
        page, booking_form(booking, pickup_place=elsewhere.pk, dispatcher_notes="Call the ward")
    )

    changed = Booking.objects.get(pk=booking.pk)
    assert changed.dispatcher_notes == "Call the ward"
    assert changed.pickup_place_id == booking.pickup_place_id
