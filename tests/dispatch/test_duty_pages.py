"""The pages of shifts and absences call the services that look after the rides."""

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.urls import reverse

from accounts.models import Role
from bookings.models import BookingEvent
from bookings.states import BookingStatus
from dispatch.models import AssignmentStatus
from fleet.models import Absence, Shift, ShiftStatus
from tests.factories import (
    DAY,
    AssignmentFactory,
    BookingFactory,
    CompanyFactory,
    DriverFactory,
    PlaceFactory,
    ShiftFactory,
    UserFactory,
    VehicleFactory,
    on_day,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


@pytest.fixture
def frozen():
    with time_machine.travel(on_day(6), tick=False):
        yield


@pytest.fixture
def manager(client):
    user = UserFactory(role=Role.MANAGER, language="en")
    client.force_login(user)
    return user


@pytest.fixture
def ride(manager):
    booking = BookingFactory(
        company=manager.company,
        status=BookingStatus.ASSIGNED,
        requested_pickup_at=on_day(15),
    )
    return AssignmentFactory(booking=booking)


def hours(start, end):
    day = DAY.isoformat()
    return {
        "starts_at_0": day, "starts_at_1": f"{start:02}:00",
        "ends_at_0": day, "ends_at_1": f"{end:02}:00",
    }  # fmt: skip


def shift_form(driver, vehicle, place, **said):
    people = {"driver": driver.pk, "vehicle": vehicle.pk}
    places = {"start_place": place.pk, "end_place": place.pk}
    pause = {"break_min": 0, "break_from_at_0": "", "break_from_at_1": ""}
    return people | places | pause | {"break_until_at_0": "", "break_until_at_1": ""} | said


def form_of(shift, start, end, **said):
    return shift_form(shift.driver, shift.vehicle, shift.start_place, **hours(start, end), **said)


def said(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def change(client, shift, data):
    return client.post(reverse("admin:fleet_shift_change", args=[shift.pk]), data)


def test_absence_that_is_entered_takes_rides_back_and_says_so(client, manager, ride):
    data = {"driver": ride.driver.pk, "kind": "sick", "note": "", **hours(14, 20)}

    response = client.post(reverse("admin:fleet_absence_add"), data)

    ride.refresh_from_db()
    assert Absence.objects.get().starts_at == on_day(14)
    assert ride.status == AssignmentStatus.CANCELLED
    assert BookingEvent.objects.latest("id").actor == manager
    assert "is now from 07:00 to 14:00" in said(response)
    assert "1 ride waits for a driver again" in said(response)


def test_absence_over_a_ride_under_way_is_refused_in_the_form(client, ride):
    ride.booking.status = BookingStatus.ON_BOARD
    ride.booking.save()
    data = {"driver": ride.driver.pk, "kind": "sick", "note": "", **hours(0, 23)}

    response = client.post(reverse("admin:fleet_absence_add"), data)

    assert response.status_code == 200
    assert ride.booking.reference in response.content.decode()
    assert not Absence.objects.exists()


def test_shift_is_opened(client, manager):
    company = manager.company
    driver, vehicle = DriverFactory(company=company), VehicleFactory(company=company)
    place = PlaceFactory(company=company)

    client.post(
        reverse("admin:fleet_shift_add"), shift_form(driver, vehicle, place, **hours(8, 16))
    )

    shift = Shift.objects.get()
    assert (shift.driver, shift.starts_at, shift.company) == (driver, on_day(8), company)


def test_shift_of_a_driver_without_the_licence_is_refused_in_the_form(client, manager):
    company = manager.company
    driver = DriverFactory(company=company)
    vehicle = VehicleFactory(company=company, licence_category="D1")

    response = client.post(
        reverse("admin:fleet_shift_add"),
        shift_form(driver, vehicle, PlaceFactory(company=company), **hours(8, 16)),
    )

    assert "has no licence of category D1" in response.content.decode()
    assert not Shift.objects.exists()


def test_shift_is_shortened_under_a_ride_only_when_it_is_taken_back(client, ride):
    response = change(client, ride.shift, form_of(ride.shift, 7, 14))
    ride.shift.refresh_from_db()
    assert ride.booking.reference in response.content.decode()
    assert ride.shift.ends_at == on_day(17)

    response = change(client, ride.shift, form_of(ride.shift, 7, 14, take_back="on"))
    ride.shift.refresh_from_db()
    ride.refresh_from_db()
    assert ride.shift.ends_at == on_day(14)
    assert ride.status == AssignmentStatus.CANCELLED
    assert "1 ride waits for a driver again" in said(response)


def test_shifts_are_cancelled_with_their_rides(client, ride):
    client.post(
        reverse("admin:fleet_shift_changelist"),
        {"action": "cancel_shifts", "_selected_action": [ride.shift.pk]},
    )

    ride.shift.refresh_from_db()
    ride.refresh_from_db()
    assert ride.shift.status == ShiftStatus.CANCELLED
    assert ride.status == AssignmentStatus.CANCELLED


def test_shift_of_another_company_is_out_of_reach(client, manager):
    other = ShiftFactory(company=CompanyFactory())

    change(client, other, form_of(other, 7, 14, take_back="on"))
    client.post(
        reverse("admin:fleet_shift_changelist"),
        {"action": "cancel_shifts", "_selected_action": [other.pk]},
    )

    other.refresh_from_db()
    assert (other.status, other.ends_at) == (ShiftStatus.PLANNED, on_day(17))


def test_viewer_changes_nothing(client, ride):
    client.force_login(UserFactory(company=ride.company, role=Role.VIEWER))

    response = change(client, ride.shift, form_of(ride.shift, 7, 16))
    client.post(
        reverse("admin:fleet_shift_changelist"),
        {"action": "cancel_shifts", "_selected_action": [ride.shift.pk]},
    )

    ride.shift.refresh_from_db()
    assert response.status_code == 403
    assert (ride.shift.status, ride.shift.ends_at) == (ShiftStatus.PLANNED, on_day(17))
