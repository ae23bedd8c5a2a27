"""What is exported comes back whole, and importing again changes nothing."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from bookings.models import BookingSeries, Client, Mobility
from exchange.services import exporting
from exchange.services.catalogue import EXPORTED
from fleet.models import Driver, DriverDocument, Place, PlaceKind, Shift, Vehicle, VehicleLayout
from tests.exchange.files import bring, take, told
from tests.factories import (
    DAY,
    BookingSeriesFactory,
    ClientFactory,
    CompanyFactory,
    DriverDocumentFactory,
    DriverFactory,
    PartnerFactory,
    PlaceFactory,
    SeriesExceptionFactory,
    SeriesSuspensionFactory,
    ShiftFactory,
    VehicleFactory,
    VehicleLayoutFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

every_format = pytest.mark.parametrize("write", [exporting.as_csv, exporting.as_xlsx])


@pytest.fixture
def full():
    """A company with what is hard to carry over."""
    company = CompanyFactory(slug="full")
    partner = PartnerFactory(name="Clinique de l'Exemple", company=company)
    home = PlaceFactory(
        company=company, name='=HYPERLINK("x")', kind=PlaceKind.HOME, service_min=0,
        entrance_notes="Sonner;\r\ndeux fois", address="'Chalet'", lat=-3.5, lon=6.123456789,
    )  # fmt: skip
    PlaceFactory(company=company, name="Gare", address="1", partner=partner)
    gare = PlaceFactory(company=company, name="gare", address="1", reference="G-1")
    anna = DriverFactory(
        company=company, name="Anna; Exemple", phone="+41 22 555 01 01",
        skills=["oxygen", "stairs"],
        licence_categories=["B", "D1"], max_work_min_per_day=480, reference="007",
    )  # fmt: skip
    DriverDocumentFactory(driver=anna, expires_day=date(2027, 12, 31))
    beat = DriverFactory(company=company, name="Beat Exemple", active=False, kind="reserve")
    bus = VehicleFactory(company=company, equipment=["ramp", "lift"], licence_category="D1")
    VehicleLayoutFactory(vehicle=bus, name="-1 siège", wheelchairs=2, seat_in_wheelchair_place=True)
    VehicleFactory(company=company, layout=None, inspection_day=date(2028, 2, 29), active=False)
    client = ClientFactory(
        company=company, name="Favre Marie", birth_day=date(1948, 2, 29), home=gare,
        door_code="0012", phone="0225550101", mobility=Mobility.STRETCHER,
        boarding_notes="\"Oxygène\"\net | couverture",
        partner=partner, companions=2, boarding_min=5, language="de",
    )  # fmt: skip
    client.preferred_drivers.set([anna, beat])
    ClientFactory(company=company, name="Favre Marie", home=home, active=False)
    for start, end, day in (
        (on_day(22), on_day(5, day=DAY + timedelta(days=1)), "night"),
        # The clocks go forward on 28 March and back on 31 October 2027.
        (on_day(3, 10, day=date(2027, 3, 27)), on_day(3, 20, day=date(2027, 3, 28)), "23 hours"),
        (datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 1, 40, tzinfo=UTC), ""),
    ):
        ShiftFactory(
            company=company, driver=anna, vehicle=bus, starts_at=start, ends_at=end, reference=day,
            start_place=gare, end_place=home, break_min=20 * bool(day),
            break_from_at=start + timedelta(hours=3) if day else None,
            break_until_at=start + timedelta(hours=4) if day else None,
        )  # fmt: skip
    ShiftFactory(company=company, driver=beat, vehicle=bus, start_place=gare, status="cancelled")
    rounds = BookingSeriesFactory(
        company=company, client=client, pickup_place=gare, delivery_place=home, partner=partner,
        reference="S-1", stay_min=90, return_kind="timed", return_time=time(11, 30),
    )  # fmt: skip
    SeriesExceptionFactory(series=rounds, day=DAY)
    SeriesExceptionFactory(series=rounds, day=DAY + timedelta(days=2), at_time=time(9, 30))
    SeriesSuspensionFactory(series=rounds, reason="Hôpital; voir | notes: 2")
    BookingSeriesFactory(
        company=company, client=client, pickup_place=home, delivery_place=gare, active=False
    )
    return company


@every_format
def test_an_export_into_an_empty_company_exports_the_same(full, write):
    empty = CompanyFactory(slug="empty")
    for partner in [agreement.partner for agreement in full.agreements.all()]:
        empty.agreements.create(partner=partner)

    for slug in EXPORTED:
        outcome = bring(slug, empty, take(slug, full, write))
        assert told(outcome) == []
        assert outcome.applied

    for slug in EXPORTED:
        assert take(slug, empty) == take(slug, full)
    counts = {
        model: model.objects.filter(company=empty).count()
        for model in (Place, Driver, Vehicle, Client, Shift, BookingSeries)
    }
    assert counts == {Place: 3, Driver: 2, Vehicle: 2, Client: 2, Shift: 3, BookingSeries: 2}
    assert VehicleLayout.objects.filter(vehicle__company=empty).count() == 2
    assert DriverDocument.objects.filter(driver__company=empty).count() == 1


@every_format
@pytest.mark.parametrize("slug", EXPORTED)
def test_importing_its_own_export_changes_nothing(full, slug, write):
    outcome = bring(slug, full, take(slug, full, write))

    assert told(outcome) == []
    assert (outcome.created, outcome.changed) == (0, 0)
    assert outcome.unchanged > 0
