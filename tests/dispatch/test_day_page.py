"""The day page: what it shows, what it costs, and who may press its buttons."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role
from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.models import (
    Alert,
    AlertKind,
    Assignment,
    AssignmentStatus,
    DispatchPolicy,
    DispatchRun,
    RunState,
)
from tests.factories import (
    DAY,
    AbsenceFactory,
    AlertFactory,
    AssignmentFactory,
    BookingFactory,
    ClientFactory,
    CompanyFactory,
    DispatchRunFactory,
    PlaceFactory,
    PositionFactory,
    ShiftFactory,
    UnassignedFactory,
    UserFactory,
    on_day,
)

# Session, person with their company, company of the page with its policy, runs, shifts,
# assignments, bookings, what the last plan left out, alerts, absences, and the open alerts counted
# in the sidebar; the version of the day's figures.
STATEMENTS = 11 + 1
# On the day itself, the shifts and bookings that tell who is late.
TODAY = 2
# Figures that are not kept yet: policy, shifts, bookings, rides, and the version once more.
MADE_ANEW = 5

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("early")]


@pytest.fixture
def early():
    with time_machine.travel(on_day(6), tick=False):
        yield


@pytest.fixture
def dispatcher(client):
    user = UserFactory(role=Role.DISPATCHER, language="en")
    client.force_login(user)
    return user


def address(company, page="day", day=DAY):
    return reverse(f"console:{page}", args=[company.slug, day])


def show(client, company, **query):
    """The page with the stops of every driver in it."""
    response = client.get(address(company), {"open": 1} | query)
    assert response.status_code == 200
    return response


def busy_day(company, drivers):
    """Fill a day: each driver with rides, a break and an absence; some bookings left over."""
    run = DispatchRunFactory(company=company, state=RunState.APPLIED, applied_at=on_day(6))
    for _ in range(drivers):
        shift = ShiftFactory(
            company=company, break_min=30, break_from_at=on_day(11), break_until_at=on_day(14)
        )
        for hour in (8, 9, 12):
            booking = BookingFactory(
                company=company,
                requested_pickup_at=on_day(hour),
                status=BookingStatus.ASSIGNED,
            )
            AssignmentFactory(booking=booking, shift=shift)
        UnassignedFactory(run=run, booking=BookingFactory(company=company), reason="no_room")
        BookingFactory(company=company, status=BookingStatus.PENDING)
        AbsenceFactory(company=company)
        AlertFactory(company=company, run=run, shift=shift, booking=booking)


@pytest.mark.parametrize("drivers", [1, 5])
def test_it_costs_the_same_however_full_the_day_is(client, dispatcher, drivers):
    busy_day(dispatcher.company, drivers)

    with CaptureQueriesContext(connection) as first:
        response = show(client, dispatcher.company, open=1)
    with CaptureQueriesContext(connection) as again:
        show(client, dispatcher.company, open=1)
    with time_machine.travel(on_day(6) + timedelta(days=1), tick=False):
        client.force_login(dispatcher)
        with CaptureQueriesContext(connection) as later:
            show(client, dispatcher.company, open=1)

    assert len(response.context["day"].rows) == drivers
    assert len(first) == STATEMENTS + TODAY + MADE_ANEW, [q["sql"][:200] for q in first]
    assert len(again) == STATEMENTS + TODAY
    assert len(later) == STATEMENTS


def stops(client, company, shift, **query):
    return client.get(reverse("console:stops", args=[company.slug, DAY, shift.pk]), query)


def test_stops_of_closed_drivers_are_fetched_when_they_are_opened(client, dispatcher):
    shift = ShiftFactory(company=dispatcher.company)
    booking = BookingFactory(company=dispatcher.company, status=BookingStatus.ASSIGNED)
    AssignmentFactory(booking=booking, shift=shift)
    AssignmentFactory(shift=ShiftFactory(company=dispatcher.company))

    closed = client.get(address(dispatcher.company)).content.decode()
    whole = show(client, dispatcher.company, open=1).content.decode()
    fetched = stops(client, dispatcher.company, shift).content.decode()

    assert (
        f'hx-get="{reverse("console:stops", args=[dispatcher.company.slug, DAY, shift.pk])}"'
        in (closed)
    )
    assert "decide/en-route/" not in closed
    assert '<details class="driver" open>' in whole
    assert f"decide/en-route/?booking={booking.pk}" in fetched
    assert "".join(fetched.split()) in "".join(whole.split())


@pytest.mark.parametrize("rides", [1, 4])
def test_stops_of_a_driver_cost_the_same(client, dispatcher, rides):
    shift = ShiftFactory(company=dispatcher.company)
    for hour in range(rides):
        AssignmentFactory(
            booking=BookingFactory(company=dispatcher.company),
            shift=shift,
            pickup_at=on_day(8 + hour),
            delivery_at=on_day(8 + hour, 20),
            ends_at=on_day(8 + hour, 25),
        )

    with CaptureQueriesContext(connection) as sent:
        response = stops(client, dispatcher.company, shift)

    assert len(response.context["row"].lines) == 2 + 2 * rides
    assert len(sent) == 5  # session, person, company, shift, rides


def test_stops_of_a_proposal_are_those_of_the_proposal(client, dispatcher):
    company = dispatcher.company
    shift = ShiftFactory(company=company)
    run = DispatchRunFactory(company=company, state=RunState.PROPOSED)
    row = AssignmentFactory(shift=shift, dispatch_run=run, status=AssignmentStatus.PROPOSED)

    proposed = stops(client, company, shift, run=run.pk).content.decode()
    live = stops(client, company, shift).content.decode()

    assert row.booking.reference in proposed
    assert "decide/" not in proposed
    assert row.booking.reference not in live


def test_stops_are_of_the_company_and_the_day(client, dispatcher):
    mine, other = ShiftFactory(company=dispatcher.company), ShiftFactory()

    assert stops(client, dispatcher.company, other).status_code == 404
    assert stops(client, other.company, other).status_code == 404
    elsewhen = reverse(
        "console:stops", args=[dispatcher.company.slug, DAY.replace(day=20), mine.pk]
    )
    assert client.get(elsewhen).status_code == 404
    client.logout()
    assert stops(client, dispatcher.company, mine).status_code == 302


def test_it_lays_out_each_drivers_stops_in_the_time_of_the_company(client, dispatcher):
    shift = ShiftFactory(company=dispatcher.company)
    booking = BookingFactory(company=dispatcher.company, status=BookingStatus.ASSIGNED)
    AssignmentFactory(booking=booking, shift=shift)

    response = show(client, dispatcher.company)

    text = response.content.decode()
    (row,) = response.context["day"].rows
    assert row.itinerary.assignments[0].booking == booking
    assert (row.bars[0].span.left, row.bars[0].span.width) == ("20.000", "4.167")
    assert str(shift.driver) in text
    assert "09:00" in text  # 08:00 in UTC


def test_it_says_why_a_booking_has_no_driver_and_what_would_help(client, dispatcher):
    company = dispatcher.company
    shift = ShiftFactory(company=company)
    run = DispatchRunFactory(company=company)
    fix = {"nearest": {"fix": "another_time", "shift": shift.pk, "amount": 840}}
    booking = BookingFactory(company=company)
    UnassignedFactory(run=run, booking=booking, reason="pickup_window", nearest_fix=fix)
    new = BookingFactory(company=company, requested_pickup_at=on_day(10))

    told, untold = show(client, company).context["day"].waiting

    assert told.booking == booking
    assert told.why == f"{shift.driver}: the pickup would be outside its window by 14 min"
    assert told.fix == "Another time would help."
    assert untold.booking == new
    assert untold.is_new


def test_what_waits_for_a_call_or_for_acceptance_wants_no_driver_yet(client, dispatcher):
    company = dispatcher.company
    call = BookingFactory(company=company, will_call=True, time_confirmed=False)
    pending = BookingFactory(company=company, status=BookingStatus.PENDING)

    day = show(client, company).context["day"]

    assert [line.booking for line in day.unconfirmed] == [call]
    assert [line.booking for line in day.pending] == [pending]
    assert day.waiting == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.FAILED, "The last run failed. Nothing was changed."),
        (RunState.REFUSED, "The last plan was refused. Nothing was changed."),
        (RunState.RUNNING, "A run is under way."),
        (RunState.PROPOSED, "A proposal has not been applied."),
    ],
)
def test_the_state_of_the_plan_is_told(client, dispatcher, state, words):
    DispatchRunFactory(company=dispatcher.company, state=state, error="The server went away.")

    text = show(client, dispatcher.company).content.decode()

    assert words in text
    assert ("The server went away." in text) == (state in {RunState.FAILED, RunState.REFUSED})


def test_a_failed_run_hides_neither_the_plan_nor_its_age(client, dispatcher):
    applied = {"state": RunState.APPLIED, "applied_at": on_day(5)}
    DispatchRunFactory(company=dispatcher.company, **applied)
    DispatchRunFactory(company=dispatcher.company, state=RunState.FAILED)

    text = show(client, dispatcher.company).content.decode()

    assert "The last run failed." in text
    assert "Applied at 05:00, 1\xa0hour ago" in text


def test_a_proposal_is_shown_only_when_asked_for(client, dispatcher):
    company = dispatcher.company
    shift = ShiftFactory(company=company)
    run = DispatchRunFactory(company=company)
    AssignmentFactory(
        booking=BookingFactory(company=company), shift=shift, dispatch_run=run, status="proposed"
    )

    live = show(client, company).context["day"]
    proposed = show(client, company, run=run.pk).context["day"]

    assert live.rows[0].bars == []
    assert len(proposed.rows[0].bars) == 1
    assert proposed.rows[0].lines[1].steps == ()  # nothing to report about a proposal


def test_a_shift_is_shown_on_each_day_it_reaches_into(client, dispatcher):
    night = ShiftFactory(
        company=dispatcher.company, starts_at=on_day(22), ends_at=on_day(6) + timedelta(days=1)
    )

    tomorrow = client.get(address(dispatcher.company, day=DAY + timedelta(days=1)))

    assert [row.itinerary.shift for row in tomorrow.context["day"].rows] == [night]


def test_alerts_of_the_day_are_shown_until_resolved(client, dispatcher):
    booking = BookingFactory(company=dispatcher.company)
    alert = AlertFactory(
        company=dispatcher.company, booking=booking, kind=AlertKind.ASSIGNMENT_LOST
    )
    AlertFactory(company=dispatcher.company, booking=booking, resolved_at=on_day(5))

    assert show(client, dispatcher.company).context["day"].alerts == [alert]
    assert Alert.objects.count() == 2


def test_an_alert_is_resolved_by_whoever_saw_to_it(client, dispatcher):
    booking = BookingFactory(company=dispatcher.company)
    alert = AlertFactory(company=dispatcher.company, booking=booking)
    strange = AlertFactory()

    client.post(address(dispatcher.company, "resolve"), {"alert": alert.pk})
    client.post(address(dispatcher.company, "resolve"), {"alert": strange.pk})
    client.post(address(dispatcher.company, "resolve"), {"alert": "x"})

    assert list(Alert.objects.open()) == [strange]


def test_today_is_the_companys(client, dispatcher):
    with time_machine.travel(on_day(0, 30), tick=False):  # still yesterday in UTC
        response = client.get(reverse("console:today", args=[dispatcher.company.slug]))

    assert response["Location"] == address(dispatcher.company)


def test_a_viewer_sees_the_day_and_no_button(client):
    viewer = UserFactory(role=Role.VIEWER)
    BookingFactory(company=viewer.company)
    client.force_login(viewer)

    text = show(client, viewer.company).content.decode()

    assert '<form method="post" action="/admin/day/' not in text
    assert "/admin/decide/" not in text


@pytest.mark.parametrize("page", ["plan", "apply", "undo", "announce", "resolve"])
def test_only_a_dispatcher_of_the_company_presses_a_button(client, dispatcher, page):
    company = CompanyFactory()
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(UserFactory(company=company))
    viewer = UserFactory(role=Role.VIEWER, company=company)

    assert client.get(address(dispatcher.company, page)).status_code == 405
    assert client.get(address(company)).status_code == 404
    assert client.post(address(company, page)).status_code == 404
    assert forged.post(address(company, page)).status_code == 403
    client.force_login(viewer)
    assert client.post(address(company, page)).status_code == 403
    client.force_login(UserFactory(role=Role.DRIVER, company=company))
    assert "/login/" in client.post(address(company, page))["Location"]
    assert not DispatchRun.objects.exists()


def test_planning_applying_and_undoing_go_through_the_page(client, dispatcher):
    company = dispatcher.company
    DispatchPolicy.objects.create(company=company, budget_s=0.1)
    base = PlaceFactory(company=company)
    ShiftFactory(company=company, start_place=base)
    person = ClientFactory(company=company)
    booking = BookingFactory(company=company, client=person, pickup_place=base)

    def press(page, **data):
        response = client.post(address(company, page), data)
        return [str(message) for message in get_messages(response.wsgi_request)][-1]

    planned = press("plan")
    run = DispatchRun.objects.get()
    before = Assignment.objects.live().count()
    applied = press("apply", run=run.pk)
    status = Booking.objects.get(pk=booking.pk).status
    twice = press("apply", run=run.pk)
    undone = press("undo")

    assert planned == "Planned: 1 of 1 bookings have a driver in the proposal."
    assert run.started_by == dispatcher
    assert before == 0
    assert applied == "The proposal is applied."
    assert status == BookingStatus.ASSIGNED
    assert twice != applied
    assert undone == "Undone: 0 restored, 1 taken back."
    assert Booking.objects.get(pk=booking.pk).status == BookingStatus.ACCEPTED


def test_announcing_promises_the_planned_pickups(client, dispatcher):
    shift = ShiftFactory(company=dispatcher.company)
    booking = BookingFactory(
        company=dispatcher.company, arrive_by=True, status=BookingStatus.ASSIGNED
    )
    AssignmentFactory(booking=booking, shift=shift, pickup_at=on_day(8, 32))

    offered = show(client, dispatcher.company).context["day"].unpromised
    client.post(address(dispatcher.company, "announce"))

    booking.refresh_from_db()
    assert offered == 1
    assert (booking.promised_from, booking.promised_until) == (on_day(8, 25), on_day(8, 45))
    assert show(client, dispatcher.company).context["day"].unpromised == 0


def test_a_run_of_another_company_is_not_applied(client, dispatcher):
    strange = DispatchRunFactory()

    response = client.post(address(dispatcher.company, "apply"), {"run": strange.pk})

    assert response.status_code == 404


def test_the_front_page_leads_to_today_and_counts_what_is_left(client, dispatcher):
    company = dispatcher.company
    BookingFactory(company=company, status=BookingStatus.PENDING)
    BookingFactory(company=company)
    BookingFactory()  # another company's

    response = client.get(reverse("admin:index"))

    ((shown, left),) = response.context["companies"]
    assert shown == company
    assert (left["bookings"], left["pending"], left["waiting"]) == (2, 1, 1)
    assert reverse("console:today", args=[company.slug]) in response.content.decode()


def test_the_figures_of_the_day_are_shown_and_follow_it(client, dispatcher):
    company = dispatcher.company
    booking = BookingFactory(company=company, status=BookingStatus.ASSIGNED)
    AssignmentFactory(booking=booking, shift=ShiftFactory(company=company))
    assert show(client, company).context["figures"]["share_assigned"] == 1

    BookingFactory(company=company)

    response = show(client, company)
    assert response.context["figures"]["share_assigned"] == 0.5
    assert "50 %" in response.content.decode()
    assert "<b>\u2013</b>on time, of those reported" in response.content.decode()


def test_a_proposal_is_shown_with_its_own_figures(client, dispatcher):
    company = dispatcher.company
    metrics = {"share_assigned": 0.25, "aboard_km": 7.0, "empty_km": 3.0}
    run = DispatchRunFactory(company=company, metrics=metrics)

    response = show(client, company, run=run.pk)

    assert response.context["figures"] == metrics
    assert "25 %" in response.content.decode()


def test_who_is_late_now_is_told_with_whom_that_touches(client, dispatcher):
    company = dispatcher.company
    base, clinic = (PlaceFactory(company=company, lat=lat, lon=6.12) for lat in (46.2, 46.205))
    shift = ShiftFactory(company=company, start_place=base, ends_at=on_day(10))
    for minute in (0, 30):
        booking = BookingFactory(
            company=company,
            pickup_place=base,
            delivery_place=clinic,
            requested_pickup_at=on_day(9, minute),
            status=BookingStatus.ASSIGNED,
        )
        AssignmentFactory(booking=booking, shift=shift)
    with time_machine.travel(on_day(9, 40), tick=False):
        client.force_login(dispatcher)
        silent = show(client, company)
        PositionFactory(shift=shift, at=on_day(9, 39))
        text = show(client, company).content.decode()
        late = show(client, company).context["late"]

    assert [ride.delay.planned_at for ride in silent.context["late"].rides] == [on_day(9)]
    assert "Nothing heard of the driver" in silent.content.decode()
    assert "Nothing heard of the driver" not in text
    assert [ride.delay.planned_at for ride in late.rides] == [on_day(9), on_day(9, 30)]
    assert [ride.touched for ride in late.rides] == [1, 0]
    assert "Late now" in text
    assert "1 ride after it touched" in text
    assert [overloaded.shift for overloaded in late.drivers] == [shift]
    assert "after the end of the shift" in text
    assert "Late now" not in show(client, company).content.decode()
