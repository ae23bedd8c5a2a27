"""Opening shifts: who may drive what, when."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from atmr.clock import local_day
from atmr.errors import DomainError, refusal_of
from fleet.models import Driver, Place, Shift, Vehicle


class OverlappingShift(DomainError):
    message = _("The driver has another shift at this time. Choose other times or another driver.")
    constraints = ("shift_driver_one_at_a_time",)


class VehicleTaken(DomainError):
    message = _("The vehicle has another shift at this time. Choose another vehicle.")
    constraints = ("shift_vehicle_one_at_a_time",)


class DriverInactive(DomainError):
    message = _("%(driver)s does not drive any more. Choose another driver.")


class VehicleInactive(DomainError):
    message = _("%(vehicle)s is not in use any more. Choose another vehicle.")


class DocumentExpired(DomainError):
    message = _("%(document)s of %(driver)s is no longer valid on %(day)s. Enter the new one.")


class LicenceMissing(DomainError):
    message = _("%(driver)s has no licence of category %(category)s, which %(vehicle)s needs.")


class InspectionExpired(DomainError):
    message = _("The inspection of %(vehicle)s is no longer valid on %(day)s.")


def open_shift(
    *,
    driver: Driver,
    vehicle: Vehicle,
    starts_at: datetime,
    ends_at: datetime,
    start_place: Place,
    end_place: Place | None = None,
    break_min: int = 0,
    break_from_at: datetime | None = None,
    break_until_at: datetime | None = None,
) -> Shift:
    """Put a driver on duty with a vehicle; the shift ends where it starts unless told.

    :raises OverlappingShift, VehicleTaken, DriverIsAbsent: somebody was entered there before.
    :raises DriverInactive, DocumentExpired, LicenceMissing: the driver may not.
    :raises VehicleInactive, InspectionExpired: the vehicle may not.
    """
    check_may_drive(driver=driver, vehicle=vehicle, day=local_day(starts_at, driver.company.tz))
    with refusing():
        return Shift.objects.create(
            company=driver.company,
            driver=driver,
            vehicle=vehicle,
            starts_at=starts_at,
            ends_at=ends_at,
            start_place=start_place,
            end_place=end_place or start_place,
            break_min=break_min,
            break_from_at=break_from_at,
            break_until_at=break_until_at,
        )


def check_may_drive(*, driver: Driver, vehicle: Vehicle, day: date) -> None:
    """Refuse a driver or a vehicle that may not be on the road on `day`.

    :raises DriverInactive, DocumentExpired, LicenceMissing, VehicleInactive, InspectionExpired:
    """
    if not driver.active:
        raise DriverInactive(driver=driver)
    if not vehicle.active:
        raise VehicleInactive(vehicle=vehicle)
    expired = [document for document in driver.documents.all() if document.expires_day < day]
    if expired:
        first = min(expired, key=lambda document: document.expires_day)
        raise DocumentExpired(document=first.get_kind_display(), driver=driver, day=day)
    if vehicle.licence_category not in driver.licence_categories:
        raise LicenceMissing(driver=driver, category=vehicle.licence_category, vehicle=vehicle)
    if vehicle.inspection_day is not None and vehicle.inspection_day < day:
        raise InspectionExpired(vehicle=vehicle, day=day)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn a constraint that fires inside into a refusal by its name."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error
