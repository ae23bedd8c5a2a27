"""Refusals: what a caller can act on, and what the database says when it is asked last."""

import re
from typing import Any, ClassVar

from django.apps import apps
from django.db import IntegrityError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_BY_CONSTRAINT: dict[str, type["DomainError"]] = {}


class DomainError(Exception):
    """A refusal the caller can act on: a stable `code`, and a message that says what to do next.

    A subclass states `message`, a translatable template filled with the keyword details, or is
    raised with a text of its own, which is used as it is. `code` is derived from the name
    (`OutsideShift` is `outside-shift`) unless stated. `constraints` names what enforces the same
    rule in the database: `refusal_of` answers with this class when one of them fires, so its
    `message` can only have the blank `%(constraint)s`.
    """

    code: str = "refused"
    message: ClassVar[str | Promise] = _("This is not possible. Check what you entered.")
    constraints: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        for name in cls.__dict__.get("constraints", ()):
            if name in _BY_CONSTRAINT:
                raise TypeError(f"{name} is already refused as {_BY_CONSTRAINT[name].__name__}.")
            _BY_CONSTRAINT[name] = cls

    def __init__(self, text: str | Promise | None = None, /, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.details = details

    def __str__(self) -> str:
        if self.text is not None:
            return str(self.text)
        template = str(self.message)
        return template % self.details if "%(" in template else template


class ConstraintRefused(DomainError):
    """The database refused a row, and no refusal of its own is declared for the constraint."""

    # What PostgreSQL calls the ways to break a constraint.
    BY_SQLSTATE: ClassVar[dict[str, str | Promise]] = {
        "23503": _("This is still used elsewhere, or refers to something that no longer exists."),
        "23505": _("Another entry already has these values. Change them, or edit that entry."),
        "23514": _("A value is not allowed. Correct what you entered and try again."),
        "23P01": _("This overlaps with another entry. Choose another time."),
    }

    def __init__(self, text: str | Promise | None = None, /, **details: Any) -> None:
        super().__init__(text, **details)
        # The name of the constraint is the more telling code.
        self.code = str(details["constraint"]).replace("_", "-")


def refusal_of(error: IntegrityError) -> DomainError | None:
    """Turn a constraint that fired into a refusal by its name; None when it is a bug of ours."""
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is None or not diagnosis.constraint_name:
        return None
    name = diagnosis.constraint_name
    if name in _BY_CONSTRAINT:
        return _BY_CONSTRAINT[name](constraint=name)
    text = _declared_message(name) or ConstraintRefused.BY_SQLSTATE.get(diagnosis.sqlstate)
    return None if text is None else ConstraintRefused(text, constraint=name)


def _declared_message(name: str) -> str | Promise | None:
    """Give the message that a model's constraint carries, if its author wrote one."""
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                message = constraint.violation_error_message
                return None if message == constraint.default_violation_error_message else message
    return None
