"""A dispatcher's morning: sign in, look at the day, plan it, apply, undo, assign by hand."""

import re

import pytest
from playwright.sync_api import expect

from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.models import Assignment, DispatchPolicy, DispatchRun, Lock, RunState
from tests.factories import (
    BookingFactory,
    ClientFactory,
    CompanyFactory,
    DriverFactory,
    PlaceFactory,
    ShiftFactory,
    UserFactory,
    on_day,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = "/admin/day/leman/2027-03-10/"


@pytest.fixture
def company():
    """A small day: one driver, two clients; it is planned in a moment."""
    company = CompanyFactory(slug="leman", name="Transports du Léman", language="en")
    DispatchPolicy.objects.create(company=company, budget_s=0.2)
    base = PlaceFactory(company=company, name="Base")
    driver = DriverFactory(company=company, name="Eva Rochat")
    ShiftFactory(company=company, driver=driver, start_place=base)
    for hour, name in ((9, "Rose Piguet"), (11, "Jean Morel")):
        person = ClientFactory(company=company, name=name)
        BookingFactory(company=company, client=person, requested_pickup_at=on_day(hour))
    return company


@pytest.fixture
def errors(page):
    """Collect what the page complains about."""
    found = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("requestfailed", lambda request: found.append(request.url))
    return found


def test_a_day_is_planned_applied_and_undone(page, sign_in, company, errors):
    sign_in(UserFactory(company=company))
    page.get_by_role("link", name="Open today's page").click()
    page.get_by_label("Go to the day").fill("2027-03-10")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("This day has not been planned.")).to_be_visible()
    expect(page.locator(".ride:not(.legend *)")).to_have_count(0)

    page.get_by_role("button", name="Plan the day").click()
    expect(page.get_by_text("A proposal has not been applied.")).to_be_visible()
    expect(page.locator(".driver .ride")).to_have_count(0)
    page.get_by_role("link", name="Show the proposal on the timeline").click()
    expect(page.locator(".driver .ride.is-proposed")).to_have_count(2)

    page.get_by_role("button", name="Apply the proposal").click()
    expect(page.get_by_text("The plan is applied.")).to_be_visible()
    expect(page.locator(".driver .ride")).to_have_count(2)
    assert Assignment.objects.live().count() == 2

    page.get_by_role("button", name="Undo the plan").click()
    expect(page.get_by_text("Undone: 0 restored, 2 taken back.")).to_be_visible()
    expect(page.locator(".driver .ride")).to_have_count(0)
    assert DispatchRun.objects.get().state == RunState.UNDONE
    assert errors == []


def test_a_booking_is_assigned_by_hand_locked_and_reported(page, sign_in, company, errors):
    sign_in(UserFactory(company=company), DAY)
    waiting = page.locator("section", has=page.get_by_role("heading", name="Without a driver"))
    waiting.get_by_role("row", name=re.compile("Rose Piguet")).get_by_text("Assign").click()
    page.get_by_label("Driver").select_option(index=1)
    page.get_by_role("button", name="Assign").click()

    expect(page.get_by_text("Assign: 1 booking.")).to_be_visible()
    page.locator("details.driver summary .who").click()
    page.get_by_role("link", name="Lock the driver").click()
    page.get_by_role("button", name="Lock the driver").click()

    booking = Booking.objects.get(client__name="Rose Piguet")
    ride = Assignment.objects.live().get(booking=booking)
    assert booking.status == BookingStatus.ASSIGNED
    assert ride.lock == Lock.DRIVER
    expect(page.locator(".driver .ride.is-locked")).to_have_count(1)
    assert errors == []


def test_a_refusal_is_told_where_it_happens(page, sign_in, company, errors):
    sign_in(UserFactory(company=company), DAY)
    page.get_by_role("link", name="Assign", exact=True).first.click()
    page.get_by_label("Driver").select_option(index=1)
    page.get_by_label("Pickup at").fill("2027-03-10T06:00")
    page.get_by_role("button", name="Assign").click()

    expect(page.get_by_role("alert")).to_contain_text("The ride does not fit into this shift")
    assert not Assignment.objects.exists()
    assert errors == []


@pytest.mark.parametrize(("language", "words"), [("fr", "Planifier le jour"), ("de", "Tag planen")])
def test_the_page_speaks_the_language_of_the_person(page, sign_in, company, language, words):
    sign_in(UserFactory(company=company, language=language), DAY)

    expect(page.get_by_role("button", name=words)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", language)


def test_a_filter_of_the_list_leads_to_a_day(page, sign_in, company, errors):
    BookingFactory(company=company, requested_pickup_at=on_day(9).replace(day=11))
    sign_in(UserFactory(company=company), "/admin/bookings/booking/")
    expect(page.locator("#result_list tbody tr")).to_have_count(3)

    page.get_by_text("Filters").click()
    page.get_by_label("Another day").fill("2027-03-10")
    page.locator("#changelist-filter").get_by_role("button", name="Show").click()

    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    assert errors == []
