"""A company's first minute: its row, and the person who will bring in the others."""

import zoneinfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Language, Role, User
from accounts.services import people
from atmr.errors import DomainError


class SlugTaken(DomainError):
    message = _("There is a company “%(slug)s” already. Choose another short name.")


class NotACompany(DomainError):
    message = _("“%(value)s” cannot be used as %(what)s.")


@transaction.atomic
def open_company(
    *, slug: str, name: str, email: str, manager: str, language: str, time_zone: str
) -> tuple[Company, User]:
    """Make a company and its first manager, who has no password yet.

    :raises NotACompany: a value that no company could have.
    :raises SlugTaken: another company has the short name; nothing was changed.
    :raises AddressTaken: somebody signs in with the address already.
    """
    _check(slug=slug, email=email, language=language, time_zone=time_zone)
    if Company.objects.filter(slug=slug).exists():
        raise SlugTaken(slug=slug)
    company = Company.objects.create(
        slug=slug, name=name, language=Language(language), time_zone=time_zone
    )
    return company, people.invite(company=company, email=email, name=manager, role=Role.MANAGER)


def _check(*, slug: str, email: str, language: str, time_zone: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError as exc:
        raise NotACompany(value=slug, what=_("short name")) from exc
    try:
        validate_email(email)
    except ValidationError as exc:
        raise NotACompany(value=email, what=_("e-mail")) from exc
    if language not in Language.values:
        raise NotACompany(value=language, what=_("language"))
    if time_zone not in zoneinfo.available_timezones():
        raise NotACompany(value=time_zone, what=_("time zone"))
