"""The settings of a run: code default, then the company's, then the run's own."""

import copy
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from atmr.errors import DomainError
from dispatch.models import BOUNDS, DispatchPolicy

_WORDS = {"on": True, "yes": True, "off": False, "no": False}


class UnknownSetting(DomainError):
    message = _("There is no setting “%(name)s”. Settings: %(known)s.")


class BadSetting(DomainError):
    message = _("%(name)s cannot be “%(value)s”: %(why)s")


def setting_names() -> list[str]:
    return [
        field.name
        for field in DispatchPolicy._meta.concrete_fields
        if not field.primary_key and not field.is_relation
    ]


def policy_of(company: Company) -> DispatchPolicy:
    """Give the company's policy, or the defaults where it never set one."""
    try:
        return company.policy
    except DispatchPolicy.DoesNotExist:
        return DispatchPolicy(company=company)


def resolve(*, company: Company, overrides: Mapping[str, Any]) -> DispatchPolicy:
    """Give the settings of one run, as a policy that is not saved.

    :raises UnknownSetting: a name that no setting has.
    :raises BadSetting: a value that the setting cannot take.
    """
    policy = copy.copy(policy_of(company))
    known = setting_names()
    for name, value in overrides.items():
        if name not in known:
            raise UnknownSetting(name=name, known=", ".join(known))
        setattr(policy, name, _value(name, value))
    for name in overrides:
        _check_bounds(policy, name)
    if policy.arrive_late_min > policy.arrive_early_min:
        raise BadSetting(
            name="arrive_late_min",
            value=policy.arrive_late_min,
            why=_("it is not more than arrive_early_min."),
        )
    return policy


def as_settings(policy: DispatchPolicy) -> dict[str, Any]:
    """Give the settings as plain values, to be stored with a run."""
    return {name: getattr(policy, name) for name in setting_names()}


def _field(name: str) -> models.Field:
    return next(field for field in DispatchPolicy._meta.concrete_fields if field.name == name)


def _value(name: str, value: Any) -> Any:
    field = _field(name)
    if isinstance(value, str) and isinstance(field, models.BooleanField):
        value = _WORDS.get(value.strip().lower(), value)
    if value in ("", "none") and field.null:
        return None
    try:
        return field.to_python(value)
    except ValidationError as error:
        raise BadSetting(name=name, value=value, why=" ".join(error.messages)) from error


def _check_bounds(policy: DispatchPolicy, name: str) -> None:
    """Refuse what the database would refuse of a company's policy, without asking it."""
    value = getattr(policy, name)
    try:
        _field(name).clean(value, policy)
    except ValidationError as error:
        raise BadSetting(name=name, value=value, why=" ".join(error.messages)) from error
    if name in BOUNDS and value is not None:
        lowest, highest = BOUNDS[name]
        if not lowest <= value <= highest:
            why = _("from %(lowest)s to %(highest)s.") % {"lowest": lowest, "highest": highest}
            raise BadSetting(name=name, value=value, why=why)
