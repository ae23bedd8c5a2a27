"""A second factor beside the password: codes of a telephone's app, and recovery codes on paper."""

from base64 import b32encode

import segno
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.services import sessions
from atmr.errors import DomainError

RECOVERY_CODES = 10
DIGITS = 6


class WrongCode(DomainError):
    message = _("This code is wrong or was used. Wait for the next one, then try again.")


class CompanyRequiresIt(DomainError):
    message = _("Your company requires a second factor: it can be replaced, not left out.")


def is_required(user: User, *, of_administrators: bool) -> bool:
    """Say whether a password alone is too little for this person; read with the company."""
    if user.is_administrator and of_administrators:
        return True
    return user.company is not None and user.company.requires_second_factor


def begin(*, user: User) -> TOTPDevice:
    """Give the device that the person is about to enrol; the same until it is confirmed."""
    device = _begun(user).first() or TOTPDevice.objects.create(
        user=user, confirmed=False, name="app"
    )
    device.user = user  # known here: the picture names the person
    return device


def _begun(user: User) -> QuerySet[TOTPDevice]:
    """Give what is not confirmed, the first one first: two windows may have begun two."""
    begun: QuerySet[TOTPDevice] = TOTPDevice.objects.filter(user=user, confirmed=False)
    return begun.order_by("pk")


def picture_of(device: TOTPDevice) -> str:
    """Draw what the app reads with its camera, as an address that holds the picture."""
    picture: str = segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=2)
    return picture


def secret_of(device: TOTPDevice) -> str:
    """Give the key in the letters that apps take, in groups of four."""
    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


@transaction.atomic
def enrol(*, user: User, code: str) -> list[str]:
    """Confirm the device with a code that it shows; give the recovery codes, this once.

    :raises WrongCode: it shows another one.
    """
    device = _begun(user).select_for_update().first()
    if device is None or not device.verify_token(_plain(code)):
        raise WrongCode
    TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    StaticDevice.objects.filter(user=user).delete()
    paper = StaticDevice.objects.create(user=user, name="paper", confirmed=True)
    codes = [StaticToken.random_token() for _number in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=paper, token=code) for code in codes)
    user.second_factor = True
    user.save(update_fields=["second_factor"])
    return codes


def verify(*, user: User, code: str) -> bool:
    """Take a code of the app or one from the paper, each once; too many in a row have to wait."""
    text = _plain(code)
    kind = TOTPDevice if text.isdecimal() and len(text) == DIGITS else StaticDevice
    with transaction.atomic():  # what the device remembers of a wrong code must be kept
        device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
        return device is not None and bool(device.verify_token(text))


@transaction.atomic
def remove(*, user: User, of_administrators: bool) -> None:
    """Go back to the password alone.

    :raises CompanyRequiresIt: the company wants both.
    """
    if is_required(user, of_administrators=of_administrators):
        raise CompanyRequiresIt
    _forget(user)


@transaction.atomic
def reset(*, user: User) -> None:
    """Let a person who lost telephone and paper enrol anew; whatever is open ends."""
    _forget(user)
    sessions.end_all(user=user)


def _forget(user: User) -> None:
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    user.second_factor = False
    user.save(update_fields=["second_factor"])


def _plain(code: str) -> str:
    """Read a code as apps and papers write them: in groups, or in capitals."""
    return "".join(code.split()).replace("-", "").lower()
