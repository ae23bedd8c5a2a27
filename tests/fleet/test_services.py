"""Opening shifts, and who is available between two instants."""

from datetime import timedelta

import pytest

from fleet import services
from fleet.models import Driver, LicenceCategory, ShiftStatus
from fleet.services import (
    DocumentExpired,
    DriverInactive,
    InspectionExpired,
    LicenceMissing,
    OverlappingShift,
    VehicleInactive,
    VehicleTaken,
)
from fleet.triggers import DriverIsAbsent
from tests.factories import (
    DAY,
    AbsenceFactory,
    CompanyFactory,
    DriverDocumentFactory,
    DriverFactory,
    PlaceFactory,
    ShiftFactory,
    VehicleFactory,
    on_day,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return CompanyFactory()


@pytest.fixture
def base(company):
    return PlaceFactory(company=company)


def open_shift(company, base, **said):
    wanted = {"starts_at": on_day(7), "ends_at": on_day(17), "start_place": base}
    wanted["driver"] = said.pop("driver", None) or DriverFactory(company=company)
    wanted["vehicle"] = said.pop("vehicle", None) or VehicleFactory(company=company)
    return services.open_shift(**wanted | said)


def test_shift_is_planned_and_ends_where_it_starts(company, base):
    shift = open_shift(company, base)

    assert shift.status == ShiftStatus.PLANNED
    assert shift.end_place == base


def test_driver_has_one_shift_at_a_time(company, base):
    driver = ShiftFactory(company=company).driver

    with pytest.raises(OverlappingShift):
        open_shift(company, base, driver=driver, starts_at=on_day(16), ends_at=on_day(18))


def test_next_shift_starts_when_the_last_has_ended(company, base):
    driver = ShiftFactory(company=company).driver

    assert open_shift(company, base, driver=driver, starts_at=on_day(17), ends_at=on_day(20)).pk


def test_vehicle_has_one_shift_at_a_time(company, base):
    vehicle = ShiftFactory(company=company).vehicle

    with pytest.raises(VehicleTaken):
        open_shift(company, base, vehicle=vehicle)


def test_absent_driver_has_no_shift(company, base):
    driver = AbsenceFactory(company=company).driver

    with pytest.raises(DriverIsAbsent):
        open_shift(company, base, driver=driver)


@pytest.mark.parametrize(
    ("driver", "vehicle", "refusal"),
    [
        ({"active": False}, {}, DriverInactive),
        ({}, {"active": False}, VehicleInactive),
        ({}, {"licence_category": LicenceCategory.D1}, LicenceMissing),
        ({}, {"inspection_day": DAY - timedelta(days=1)}, InspectionExpired),
    ],
)
def test_driver_or_vehicle_that_may_not_drive_is_refused(company, base, driver, vehicle, refusal):
    driver = DriverFactory(company=company, **driver)
    vehicle = VehicleFactory(company=company, **vehicle)

    with pytest.raises(refusal) as refused:
        open_shift(company, base, driver=driver, vehicle=vehicle)
    assert "%(" not in str(refused.value)


def test_document_is_good_on_its_last_day_and_not_after(company, base):
    good = DriverDocumentFactory(company=company, expires_day=DAY).driver
    expired = DriverDocumentFactory(company=company, expires_day=DAY - timedelta(days=1)).driver

    assert open_shift(company, base, driver=good).pk
    with pytest.raises(DocumentExpired):
        open_shift(company, base, driver=expired)


def test_available_drivers_are_those_on_duty_for_the_whole_time(company, django_assert_num_queries):
    all_day = ShiftFactory(company=company).driver
    morning = ShiftFactory(company=company, ends_at=on_day(12)).driver
    ShiftFactory(company=company, status=ShiftStatus.CANCELLED)
    ShiftFactory(company=company, driver__active=False)
    AbsenceFactory(company=company)

    with django_assert_num_queries(1):
        at_work = set(Driver.objects.for_company(company).available(on_day(10), on_day(11)))
    assert at_work == {all_day, morning}
    assert set(Driver.objects.available(on_day(10), on_day(13))) == {all_day}
    assert set(Driver.objects.available(on_day(6), on_day(8))) == set()
