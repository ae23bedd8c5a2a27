"""Companies that belong to a benchmark alone: opened for it, removed with all that is their own."""

import pghistory.models
import pgtrigger
from django.apps import apps
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner, PartnerAgreement, User
from atmr.errors import DomainError
from bookings.models import Booking, BookingSeries, Client
from dispatch.demo.geneva import spots
from dispatch.models import (
    Alert,
    Assignment,
    DispatchPolicy,
    DispatchRun,
    Outbox,
    Unassigned,
)
from fleet.models import Absence, Driver, Place, Shift, Vehicle


class NotOurCompany(DomainError):
    message = _("The company “%(slug)s” was not made by the benchmark: it is left alone.")


def open_company(slug: str, name: str) -> Company:
    base = spots("depot")[0]
    company = Company.objects.create(slug=slug, name=name, base_lat=base.lat, base_lon=base.lon)
    DispatchPolicy.objects.create(company=company)
    return company


@transaction.atomic
def remove(slug: str, name: str) -> None:
    """Remove a company of ours, if it is there, and whatever is its own.

    :raises NotOurCompany: somebody's company has the short name.
    """
    company = Company.objects.filter(slug=slug).first()
    if company is None:
        return
    if company.name != name:
        raise NotOurCompany(slug=slug)
    partners = list(Partner.objects.for_company(company).values_list("pk", flat=True))
    drivers = list(Driver.objects.for_company(company).values_list("pk", flat=True))
    vehicles = list(Vehicle.objects.for_company(company).values_list("pk", flat=True))
    _remove_days(company)
    Absence.objects.for_company(company).delete()
    for model in (Shift, Driver, Vehicle, Client, Place, PartnerAgreement, User):
        model._default_manager.filter(company=company).delete()
    Partner.objects.filter(pk__in=partners, agreements=None).delete()
    company.delete()
    _remove_history({"company": [company.pk], "driver": drivers, "vehicle": vehicles})


def _remove_days(company: Company) -> None:
    Alert.objects.for_company(company).delete()
    Outbox.objects.for_company(company).delete()
    Unassigned.objects.for_company(company).delete()
    Assignment.objects.for_company(company).delete()
    DispatchRun.objects.for_company(company).delete()
    bookings = Booking.objects.for_company(company)
    with pgtrigger.ignore("bookings.BookingEvent:append_only"):
        bookings.filter(outbound__isnull=False).delete()
        bookings.delete()
    BookingSeries.objects.filter(company=company).delete()


def _remove_history(owners: dict[str, list[int]]) -> None:
    """Remove what the triggers kept of the rows; nobody will ask what became of them."""
    for model in apps.get_models():
        if issubclass(model, pghistory.models.Event):
            names = {field.name for field in model._meta.get_fields()}
            for name in owners.keys() & names:
                model._default_manager.filter(**{f"{name}__in": owners[name]}).delete()
