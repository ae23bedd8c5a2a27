"""The letters that an account sends, in the language of who reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.services import links
from accounts.services.links import Purpose


def send_link(*, user: User, purpose: Purpose, now: datetime) -> None:
    """Write to a person how to set a password: who was invited, or who has forgotten it."""
    with _language_of(user):
        address = _address_of(links.make(user=user, purpose=purpose, now=now))
        if purpose == Purpose.INVITATION:
            _send(user.email, _("Your access to ATMR"), _invitation(user, address))
        else:
            _send(user.email, _("Choose a new password for ATMR"), _reset(address))


def ask_address(*, user: User, address: str, now: datetime) -> None:
    """Write to a new address that a click makes it the one to sign in with.

    Whoever has it already is told that it was asked for: the page answers the same.
    """
    with _language_of(user):
        if User.objects.filter(email=address).exclude(pk=user.pk).exists():
            text = _("Somebody asked to sign in to ATMR with this address. You do already.")
            _send(address, _("Your address at ATMR"), [text, _("Nothing was changed.")])
            return
        token = links.make(user=user, purpose=Purpose.ADDRESS, now=now, address=address)
        lines = [
            _("To sign in to ATMR with this address from now on, open this page within a day:"),
            _address_of(token),
            _("If you did not ask for this, leave it: nothing changes."),
        ]
        _send(address, _("Confirm your address for ATMR"), lines)


def tell_old_address(*, user: User, old: str) -> None:
    """Write to the address that no longer signs in."""
    with _language_of(user):
        lines = [
            _("Your account at ATMR now signs in with another address than this one."),
            _("If you did not change it, tell a manager of your company at once."),
        ]
        _send(old, _("Your address at ATMR has changed"), lines)


def _invitation(user: User, address: str) -> list[str]:
    where = user.company.name if user.company else "ATMR"
    return [
        _("%(company)s gives you access to its dispatch console.") % {"company": where},
        _("Choose your password on this page within seven days:"),
        address,
        _("After that, ask your manager for a new link."),
    ]


def _reset(address: str) -> list[str]:
    return [
        _("Choose a new password on this page within an hour:"),
        address,
        _("If you did not ask for this, leave it: your password stays what it is."),
    ]


@contextmanager
def _language_of(user: User) -> Iterator[None]:
    company = user.company
    chosen = user.language or (company.language if company else settings.LANGUAGE_CODE)
    with translation.override(chosen):
        yield


def _address_of(token: str) -> str:
    return settings.SITE_URL + reverse("access:arrive", args=[token])


def _send(to: str, subject: str, lines: list[str]) -> None:
    EmailMessage(subject=subject, body="\n\n".join(lines) + "\n", to=[to]).send()
