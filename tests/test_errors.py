"""Refusals carry a stable code, a message, and answer for the constraints they name."""

import pickle
import re
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import IntegrityError, connection
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from atmr.errors import _BY_CONSTRAINT, ConstraintRefused, DomainError, refusal_of


class ShiftTooShort(DomainError):
    message = _("The shift lasts %(minutes)d minutes. Make it longer.")


class PlateTaken(DomainError):
    code = "plate-in-use"
    message = _("Another vehicle has this plate. Is it 100 % the same?")
    constraints = ("test_vehicle_plate_unique",)


def fired(name: str | None, sqlstate: str = "23505") -> IntegrityError:
    error = IntegrityError("duplicate key value")
    cause = Exception("duplicate key value")
    cause.diag = SimpleNamespace(constraint_name=name, sqlstate=sqlstate)
    error.__cause__ = cause
    return error


def test_the_code_is_the_name_in_kebab_case_unless_stated():
    assert ShiftTooShort.code == "shift-too-short"
    assert PlateTaken.code == "plate-in-use"


def test_the_message_is_filled_with_the_details():
    error = ShiftTooShort(minutes=4)

    assert str(error) == "The shift lasts 4 minutes. Make it longer."
    assert error.details == {"minutes": 4}


def test_a_text_given_when_raised_is_used_as_it_is():
    assert str(ShiftTooShort("50 % too short", minutes=4)) == "50 % too short"


def test_a_refusal_crosses_processes():
    error = pickle.loads(pickle.dumps(ShiftTooShort(minutes=4)))

    assert str(error) == "The shift lasts 4 minutes. Make it longer."


def test_a_constraint_that_fires_becomes_the_refusal_that_names_it():
    refusal = refusal_of(fired("test_vehicle_plate_unique"))

    assert isinstance(refusal, PlateTaken)
    assert str(refusal) == "Another vehicle has this plate. Is it 100 % the same?"


def test_an_undeclared_constraint_is_refused_under_its_own_name():
    refusal = refusal_of(fired("shift_driver_no_overlap", "23P01"))

    assert refusal.code == "shift-driver-no-overlap"
    with translation.override("en"):
        assert "overlaps" in str(refusal)


@pytest.mark.parametrize("error", [IntegrityError("no cause"), fired(None), fired("x", "23502")])
def test_what_is_no_constraint_of_ours_is_a_bug_and_not_a_refusal(error):
    assert refusal_of(error) is None


def test_two_refusals_cannot_answer_for_one_constraint():
    with pytest.raises(TypeError, match="already refused as PlateTaken"):
        type("Again", (DomainError,), {"constraints": ("test_vehicle_plate_unique",)})


def test_every_declared_refusal_can_be_shown():
    for name, refusal in _BY_CONSTRAINT.items():
        assert str(refusal(constraint=name))


@pytest.mark.django_db
def test_what_a_trigger_refuses_has_words_of_its_own():
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname LIKE 'pgtrigger_%'")
        sources = " ".join(source for (source,) in cursor.fetchall())
    raised = set(re.findall(r"CONSTRAINT = '(\w+)'", sources))

    assert {"same_company", "shift_outside_absence"} <= raised
    assert raised <= set(_BY_CONSTRAINT)


@pytest.mark.parametrize("app", ["accounts", "fleet", "bookings", "dispatch"])
def test_what_a_constraint_refuses_has_words_of_its_own(app):
    for model in apps.get_app_config(app).get_models():
        for constraint in model._meta.constraints:
            refusal = refusal_of(fired(constraint.name))
            generic = str(ConstraintRefused.BY_SQLSTATE["23505"])
            assert str(refusal) != generic, constraint.name
