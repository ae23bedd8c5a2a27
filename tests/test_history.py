"""Changes are kept by the database, whoever makes them and how."""

from datetime import timedelta

import pghistory
import pgtrigger
import pytest
from django.apps import apps
from django.db import connection

from accounts.models import Role
from bookings.models import Client
from bookings.states import BookingStatus
from tests.constraints import by_sql, by_update
from tests.factories import (
    AbsenceFactory,
    AssignmentFactory,
    BookingFactory,
    BookingSeriesFactory,
    ClientFactory,
    DispatchPolicyFactory,
    DriverDocumentFactory,
    DriverFactory,
    PartnerAgreementFactory,
    PlaceFactory,
    ShiftFactory,
    UserFactory,
    VehicleFactory,
    VehicleLayoutFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

TRACKED = {
    "PartnerAgreement": (PartnerAgreementFactory, {"active": False}),
    "Place": (PlaceFactory, {"name": "Clinic"}),
    "Driver": (DriverFactory, {"phone": "+41000000000"}),
    "DriverDocument": (DriverDocumentFactory, {"expires_day": "2030-01-01"}),
    "Vehicle": (VehicleFactory, {"active": False}),
    "VehicleLayout": (VehicleLayoutFactory, {"seats": 1}),
    "Shift": (ShiftFactory, {"ends_at": on_day(16)}),
    "Absence": (AbsenceFactory, {"note": "moved"}),
    "Client": (ClientFactory, {"door_code": "A1"}),
    "BookingSeries": (BookingSeriesFactory, {"stay_min": 240}),
    "Booking": (BookingFactory, {"companions": 1}),
    "DispatchPolicy": (DispatchPolicyFactory, {"pooling": True}),
}
ROWS = pytest.mark.parametrize(("maker", "values"), TRACKED.values(), ids=TRACKED)


def past(row):
    """The labels of what is kept of a row, in order."""
    history = type(row)._meta.get_field("history").related_model
    return list(
        history.objects.filter(pgh_obj_id=row.pk)
        .order_by("pgh_id")
        .values_list("pgh_label", flat=True)
    )


def delete_by_sql(row):
    with connection.cursor() as cursor, pgtrigger.ignore("bookings.BookingEvent:append_only"):
        if row._meta.model_name == "booking":
            cursor.execute("DELETE FROM bookings_bookingevent")
        if row._meta.model_name == "vehicle":
            cursor.execute("DELETE FROM fleet_vehiclelayout")
        cursor.execute(f'DELETE FROM "{row._meta.db_table}" WHERE id = %s', [row.pk])


def test_these_tables_have_a_past_and_no_other():
    tracked = {
        model.pgh_tracked_model.__name__
        for model in apps.get_models()
        if hasattr(model, "pgh_tracked_model")
        and model._meta.app_label in {"accounts", "fleet", "bookings", "dispatch"}
    }

    assert tracked == {*TRACKED, "PreferredDriver", "RefusedDriver"}


@ROWS
def test_what_was_there_before_and_after_a_change_by_sql_is_kept(maker, values):
    row = maker()

    by_sql(row, values)

    name = next(iter(values))
    history = type(row)._meta.get_field("history").related_model.objects.order_by("pgh_id")
    kept = [getattr(each, name) for each in history.filter(pgh_obj_id=row.pk)]
    row.refresh_from_db()
    assert past(row) == ["insert", "update"]
    assert kept[1] == getattr(row, name) != kept[0]


@ROWS
def test_rows_written_in_bulk_are_kept_one_by_one(maker, values):
    first, second = maker(), maker()

    type(first).objects.update(**values)

    assert past(first) == past(second) == ["insert", "update"]


@ROWS
def test_change_of_nothing_is_not_kept(maker, values):
    row = maker()
    name = next(iter(values))
    row.refresh_from_db()

    by_update(row, {name: getattr(row, name)})

    assert past(row) == ["insert"]


@pytest.mark.parametrize(
    ("maker", "values"),
    [pytest.param(*case, id=name) for name, case in TRACKED.items() if name != "Client"],
)
def test_deleted_row_leaves_its_last_state(maker, values):
    row = maker()

    delete_by_sql(row)

    assert past(row) == ["insert", "delete"]


@pytest.mark.parametrize("wish", ["preferred_drivers", "refused_drivers"])
def test_drivers_whom_a_client_wants_or_refuses_are_kept(wish):
    client = ClientFactory()
    driver = DriverFactory(company=client.company)
    name = {"preferred_drivers": "PreferredDriver", "refused_drivers": "RefusedDriver"}[wish]
    history = apps.get_model("bookings", f"{name}History").objects.order_by("pgh_id")

    getattr(client, wish).add(driver)
    getattr(client, wish).clear()

    kept = [(row.pgh_label, row.client_id, row.driver_id) for row in history]
    assert kept == [("insert", client.pk, driver.pk), ("delete", client.pk, driver.pk)]


def test_who_and_why_are_kept_with_the_change():
    with pghistory.context(user=7, why="moved house"):
        by_update(place := PlaceFactory(), {"name": "New house"})

    contexts = {row.pgh_context.metadata["why"] for row in place.history.all()}
    assert contexts == {"moved house"}


def test_person_who_changes_a_row_in_the_console_is_kept_with_it(client):
    manager = UserFactory(role=Role.MANAGER)
    driver = DriverFactory(company=manager.company, phone="+41223000000")
    client.force_login(manager)

    answer = client.post(
        f"/admin/fleet/driver/{driver.pk}/change/",
        {
            "name": "Lea Martin",
            "kind": driver.kind,
            "active": "on",
            "phone": driver.phone,
            "documents-TOTAL_FORMS": 0,
            "documents-INITIAL_FORMS": 0,
        },
    )

    assert answer.status_code == 302
    kept = driver.history.select_related("pgh_context").latest("pgh_id")
    assert (kept.name, kept.pgh_context.metadata["user"]) == ("Lea Martin", manager.pk)


def test_move_of_a_booking_is_kept_as_an_event_and_not_twice():
    booking = BookingFactory()

    by_update(booking, {"status": BookingStatus.ASSIGNED})

    assert past(booking) == ["insert"]
    assert booking.events.count() == 2


def test_count_of_changes_is_no_change_to_keep():
    shift = ShiftFactory()

    AssignmentFactory(shift=shift)

    shift.refresh_from_db()
    assert shift.version == 1
    assert past(shift) == ["insert"]


# --- who is deleted is erased -------------------------------------------------------------------


def rows_about(client):
    tables = ["client", "preferreddriver", "refuseddriver", "bookingseries", "booking"]
    histories = [apps.get_model("bookings", f"{table}history") for table in tables]
    return {
        history.__name__: history.objects.filter(
            **{"id" if history.__name__ == "ClientHistory" else "client_id": client.pk}
        ).count()
        for history in histories
    }


@pytest.mark.parametrize("way", ["model", "queryset", "sql"])
def test_erasing_a_client_erases_its_past(way):
    client, other = ClientFactory(phone="+41000000001"), ClientFactory()
    for each in (client, other):
        each.preferred_drivers.add(DriverFactory(company=each.company))
        each.refused_drivers.add(DriverFactory(company=each.company))
        by_update(each, {"floor": "3"})
        delete_by_sql(BookingSeriesFactory(client=each))
        delete_by_sql(BookingFactory(client=each))
    before = rows_about(other)
    client.preferred_drivers.clear()
    client.refused_drivers.clear()

    if way == "model":
        client.delete()
    elif way == "queryset":
        Client.objects.filter(pk=client.pk).delete()
    else:
        delete_by_sql(client)

    assert set(rows_about(client).values()) == {0}
    assert rows_about(other) == before
    assert all(before.values())


def test_shift_of_the_past_is_read_back_as_it_was():
    shift = ShiftFactory()
    ends_at = shift.ends_at
    by_update(shift, {"ends_at": ends_at - timedelta(hours=1)})

    assert shift.history.order_by("pgh_id").first().ends_at == ends_at
