"""What the database refuses about clients, series, bookings and what is recorded of them."""

from datetime import time, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from bookings.models import Anchor, Booking, BookingEvent, Mobility, Payer, Priority, ReturnKind
from bookings.states import BookingStatus
from tests.constraints import CHANGES, WAYS, by_sql, by_update, cases, committed, refused_by
from tests.factories import (
    DAY,
    BookingFactory,
    BookingSeriesFactory,
    ClientFactory,
    CompanyFactory,
    DriverFactory,
    PartnerFactory,
    PlaceFactory,
    SeriesExceptionFactory,
    SeriesSuspensionFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

A_MOMENT = timedelta(microseconds=1)
A_DAY = timedelta(days=1)
NINE = on_day(9)


def promise(from_at, until_at):
    return {"promised_from": from_at, "promised_until": until_at}


def actual(pickup_at, delivery_at):
    return {"actual_pickup_at": pickup_at, "actual_delivery_at": delivery_at}


def appointment(starts_at, ends_at):
    return {"appointment_at": starts_at, "appointment_ends_at": ends_at}


def anchored(anchor, pickup_at, appointment_at):
    return {
        "anchor": anchor,
        "requested_pickup_at": pickup_at,
        "appointment_at": appointment_at,
    }


def choices(name, values):
    return [{name: value} for value in values]


AT_THE_BOUND = cases(
    (ClientFactory, "client_companions_bounded", choices("companions", [0, 8])),
    (ClientFactory, "client_boarding_bounded", choices("boarding_min", [0, 60])),
    (ClientFactory, "client_mobility_known", choices("mobility", Mobility.values)),
    (BookingSeriesFactory, "series_ends_after_start", choices("until_day", [None, DAY])),
    (
        BookingSeriesFactory,
        "series_timed_return_has_time",
        [
            {"return_kind": ReturnKind.TIMED, "return_time": time(12)},
            {"return_kind": ReturnKind.NONE, "return_time": None},
            {"return_kind": ReturnKind.WILL_CALL, "return_time": None},
        ],
    ),
    (BookingSeriesFactory, "series_stay_bounded", choices("stay_min", [0, 1440])),
    (SeriesSuspensionFactory, "suspension_ends_after_start", [{"until_day": DAY}]),
    (
        BookingFactory,
        "booking_anchor_has_time",
        [
            anchored(Anchor.PICKUP, NINE, None),
            anchored(Anchor.PICKUP, NINE, NINE),
            anchored(Anchor.ARRIVE_BY, None, NINE),
        ],
    ),
    (
        BookingFactory,
        "booking_appointment_ends_after_start",
        [appointment(NINE, NINE), appointment(NINE, None), appointment(None, NINE)],
    ),
    (
        BookingFactory,
        "booking_promise_is_window",
        [promise(NINE, NINE), promise(None, None), promise(NINE, NINE + A_DAY)],
    ),
    (
        BookingFactory,
        "booking_delivered_after_pickup",
        [actual(NINE, NINE), actual(NINE, None), actual(None, None)],
    ),
    (BookingFactory, "booking_companions_bounded", choices("companions", [0, 8])),
    (
        BookingFactory,
        "booking_service_bounded",
        [
            {"pickup_service_min": 120, "delivery_service_min": 120},
            {"pickup_service_min": None, "delivery_service_min": 0},
        ],
    ),
    (
        BookingFactory,
        "booking_choices_known",
        [
            *choices("status", BookingStatus.values),
            *choices("priority", Priority.values),
            *choices("mobility", Mobility.values),
            *choices("payer", Payer.values),
        ],
    ),
    (
        BookingFactory,
        "booking_only_will_call_unconfirmed",
        [
            {"will_call": True, "time_confirmed": False},
            {"will_call": True, "time_confirmed": True},
        ],
    ),
)
PAST_THE_BOUND = cases(
    (ClientFactory, "client_companions_bounded", choices("companions", [9])),
    (ClientFactory, "client_boarding_bounded", choices("boarding_min", [61])),
    (ClientFactory, "client_mobility_known", choices("mobility", ["flies"])),
    (BookingSeriesFactory, "series_ends_after_start", choices("until_day", [DAY - A_DAY])),
    (
        BookingSeriesFactory,
        "series_timed_return_has_time",
        [{"return_kind": ReturnKind.TIMED, "return_time": None}],
    ),
    (BookingSeriesFactory, "series_stay_bounded", choices("stay_min", [1441])),
    (SeriesSuspensionFactory, "suspension_ends_after_start", [{"until_day": DAY - A_DAY}]),
    (
        BookingFactory,
        "booking_anchor_has_time",
        [anchored(Anchor.PICKUP, None, NINE), anchored(Anchor.ARRIVE_BY, NINE, None)],
    ),
    (
        BookingFactory,
        "booking_appointment_ends_after_start",
        [appointment(NINE, NINE - A_MOMENT)],
    ),
    (
        BookingFactory,
        "booking_promise_is_window",
        [promise(NINE, NINE - A_MOMENT), promise(NINE, None), promise(None, NINE)],
    ),
    (
        BookingFactory,
        "booking_delivered_after_pickup",
        [actual(NINE, NINE - A_MOMENT), actual(None, NINE)],
    ),
    (BookingFactory, "booking_companions_bounded", choices("companions", [9])),
    (
        BookingFactory,
        "booking_service_bounded",
        [{"pickup_service_min": 121}, {"delivery_service_min": 121}],
    ),
    (
        BookingFactory,
        "booking_choices_known",
        [{"status": "lost"}, {"priority": "vip"}, {"mobility": "flies"}, {"payer": "nobody"}],
    ),
    (
        BookingFactory,
        "booking_only_will_call_unconfirmed",
        [{"will_call": False, "time_confirmed": False}],
    ),
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("maker", "name", "values"), AT_THE_BOUND)
def test_row_at_the_bound_is_accepted(maker, name, values, change):
    change(maker(), values)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("maker", "name", "values"), PAST_THE_BOUND)
def test_row_past_the_bound_is_refused_by_name(maker, name, values, way):
    row = maker()

    with refused_by(name):
        way(row, values)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("maker", "name"),
    [(BookingFactory, "booking_goes_somewhere"), (BookingSeriesFactory, "series_goes_somewhere")],
)
def test_ride_to_where_it_starts_is_refused(maker, name, change):
    row = maker()

    with refused_by(name):
        change(row, {"delivery_place": row.pickup_place})


# --- anchors ------------------------------------------------------------------------------------


def test_booking_is_scheduled_at_what_it_is_anchored_to():
    noon = on_day(12)
    pickup = BookingFactory(requested_pickup_at=NINE, appointment_at=noon)
    arrival = BookingFactory(anchor=Anchor.ARRIVE_BY, requested_pickup_at=NINE, appointment_at=noon)

    by_sql(pickup, {"requested_pickup_at": on_day(10)})

    pickup.refresh_from_db()
    arrival.refresh_from_db()
    assert pickup.scheduled_at == on_day(10)
    assert arrival.scheduled_at == noon


# --- one of a kind ------------------------------------------------------------------------------


def test_reference_is_unique_in_the_company_only():
    booking = BookingFactory()
    BookingFactory(reference=booking.reference)

    with refused_by("booking_reference_unique"):
        BookingFactory(company=booking.company, reference=booking.reference)


def test_reference_of_a_partner_is_unique_for_company_and_partner():
    company = CompanyFactory()
    partner, other = PartnerFactory(company=company), PartnerFactory(company=company)
    BookingFactory(company=company, partner=partner, partner_reference="A-1")
    BookingFactory(company=company, partner=other, partner_reference="A-1")
    BookingFactory(company=CompanyFactory(), partner=partner, partner_reference="A-1")

    with refused_by("booking_partner_reference_unique"):
        BookingFactory(company=company, partner=partner, partner_reference="A-1")


def test_reference_without_a_partner_is_unique_in_the_company_too():
    booking = BookingFactory(partner=None, partner_reference="F-1")
    BookingFactory(partner=None, partner_reference="F-1")

    with refused_by("booking_partner_reference_unique"):
        BookingFactory(company=booking.company, partner=None, partner_reference="F-1")


def test_bookings_without_a_partner_reference_are_no_duplicates():
    booking = BookingFactory()

    BookingFactory(company=booking.company)


def test_series_has_one_outbound_a_day_and_its_return():
    series = BookingSeriesFactory()
    outbound = BookingFactory(series=series, series_day=DAY)
    BookingFactory(series=series, series_day=DAY, outbound=outbound)
    BookingFactory(series=series, series_day=DAY + A_DAY)

    with refused_by("booking_once_per_series_day"):
        BookingFactory(series=series, series_day=DAY)


@pytest.mark.parametrize("change", CHANGES)
def test_booking_of_a_series_needs_its_day(change):
    booking = BookingFactory()
    series = BookingSeriesFactory(company=booking.company)

    with refused_by("booking_of_series_has_day"):
        change(booking, {"series": series})
    with refused_by("booking_of_series_has_day"):
        change(BookingFactory(), {"series_day": DAY})


def test_outbound_has_one_return():
    outbound = BookingFactory()
    BookingFactory(company=outbound.company, outbound=outbound)

    with refused_by("bookings_booking_outbound_id_key"):
        BookingFactory(company=outbound.company, outbound=outbound)


@pytest.mark.parametrize("change", CHANGES)
def test_booking_is_not_its_own_return(change):
    booking = BookingFactory()

    with refused_by("booking_returns_another"):
        change(booking, {"outbound": booking})


def test_day_of_a_series_has_one_exception():
    exception = SeriesExceptionFactory()
    SeriesExceptionFactory(series=exception.series, day=DAY + A_DAY)

    with refused_by("series_exception_once_a_day"):
        SeriesExceptionFactory(series=exception.series, day=exception.day)


# --- nothing crosses from one company to another ------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "column", "stranger"),
    [
        (ClientFactory, "home", PlaceFactory),
        (BookingSeriesFactory, "client", ClientFactory),
        (BookingSeriesFactory, "pickup_place", PlaceFactory),
        (BookingSeriesFactory, "delivery_place", PlaceFactory),
        (BookingFactory, "client", ClientFactory),
        (BookingFactory, "pickup_place", PlaceFactory),
        (BookingFactory, "delivery_place", PlaceFactory),
        (BookingFactory, "outbound", BookingFactory),
        (BookingFactory, "series", BookingSeriesFactory),
    ],
)
class TestRelatedRowOfAnotherCompany:
    @pytest.mark.parametrize("change", CHANGES)
    def test_cannot_be_put_in(self, maker, column, stranger, change):
        row = maker()

        with refused_by("same_company"):
            change(row, {column: stranger()})

    def test_cannot_come_with_a_new_row(self, maker, column, stranger):
        company = CompanyFactory()

        with refused_by("same_company"):
            maker(**{"company": company, column: stranger()})


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("maker", [ClientFactory, BookingSeriesFactory, BookingFactory])
def test_row_stays_with_its_company(maker, change):
    row = maker()

    with refused_by("keeps_company"):
        change(row, {"company": CompanyFactory()})


@pytest.mark.parametrize("wish", ["preferred_drivers", "refused_drivers"])
class TestDriversOfAClient:
    def test_drive_for_the_company_of_the_client(self, wish):
        client = ClientFactory()
        driver = DriverFactory(company=client.company)

        getattr(client, wish).add(driver)

        assert list(getattr(client, wish).all()) == [driver]

    def test_cannot_be_of_another_company(self, wish):
        client = ClientFactory()

        with refused_by("same_company"):
            getattr(client, wish).add(DriverFactory())

    @pytest.mark.parametrize("change", CHANGES)
    def test_cannot_be_exchanged_for_one_of_another_company(self, wish, change):
        client = ClientFactory()
        getattr(client, wish).add(DriverFactory(company=client.company))
        row = getattr(client, wish).through.objects.get()

        with refused_by("same_company"):
            change(row, {"driver": DriverFactory()})


# --- versions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_booking_counts_once(change):
    booking = BookingFactory()

    change(booking, {"companions": 1})
    change(booking, {"companions": 2})

    booking.refresh_from_db()
    assert booking.version == 2


def test_writing_what_is_there_counts_as_no_change():
    booking = BookingFactory()

    by_update(booking, {"companions": 0})

    booking.refresh_from_db()
    assert booking.version == 0


# --- events are history itself ------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bookings_bookingevent SET reason = 'forged'",
        "UPDATE bookings_bookingevent SET reason = reason",
        "DELETE FROM bookings_bookingevent",
    ],
)
def test_recorded_move_is_never_changed(statement):
    BookingFactory()

    with (
        pytest.raises(DatabaseError, match="bookingevent"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert BookingEvent.objects.get().reason == ""


def delete_by_sql(booking):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM bookings_booking WHERE id = %s", [booking.pk])


def test_booking_with_events_cannot_be_deleted():
    booking = BookingFactory()

    with pytest.raises(IntegrityError, match="bookings_bookingevent"), committed():
        delete_by_sql(booking)
    with pytest.raises(DatabaseError, match="bookingevent"), transaction.atomic():
        booking.delete()

    assert Booking.objects.filter(pk=booking.pk).exists()


@pytest.mark.parametrize(
    ("factory", "constraint"),
    [
        (ClientFactory, "client_reference_unique"),
        (BookingSeriesFactory, "series_reference_unique"),
    ],
)
def test_a_reference_is_one_row_of_a_company(factory, constraint):
    first = factory(reference="R-1")
    factory(reference="R-1")  # of another company
    factory(company=first.company)
    factory(company=first.company)

    with refused_by(constraint):
        factory(company=first.company, reference="R-1")
