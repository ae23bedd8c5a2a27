"""Measuring loads a database, and fills it with invented rows: not where people work."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError


class NotInProduction(DomainError):
    message = _(
        "This fills the database with invented companies, and loads it: for development only."
        " To do it here all the same, add --allow-production."
    )


def refuse_in_production(options: Mapping[str, Any]) -> None:
    """Refuse where DEBUG is off, unless told otherwise.

    :raises NotInProduction: nobody said --allow-production.
    """
    if not settings.DEBUG and not options["allow_production"]:
        raise NotInProduction
