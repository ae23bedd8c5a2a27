"""Links that a letter carries: signed, for one purpose, for a time, and good for one use.

A link says whose it is and what was true of the account when it was made. Whatever it is used for
changes that (a password, an address), and so does switching the person off: no table remembers
links, and none of them outlives what it was for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from atmr.errors import DomainError

SALT = "accounts.links"


class Purpose(StrEnum):
    INVITATION = "invitation"
    RESET = "reset"
    ADDRESS = "address"


LIFE = {
    Purpose.INVITATION: timedelta(days=7),
    Purpose.RESET: timedelta(hours=1),
    Purpose.ADDRESS: timedelta(days=1),
}


class LinkNoLongerValid(DomainError):
    message = _("This link was used already, or its time is over. Ask for a new one.")


@dataclass(frozen=True)
class Link:
    """What a link is for, whose it is, and the address that it confirms."""

    purpose: Purpose
    user: User
    address: str = ""


def make(*, user: User, purpose: Purpose, now: datetime, address: str = "") -> str:
    """Make the link's text for a person as the account is now."""
    content = {
        "purpose": purpose.value,
        "user": user.pk,
        "state": _state(user),
        "until": int((now + LIFE[purpose]).timestamp()),
        "address": address,
    }
    return Signer(salt=SALT).sign_object(content)


def is_ours(token: str) -> bool:
    """Say whether we wrote this link, be it used or too old; asks nothing of the database."""
    try:
        Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError):
        return False
    return True


@transaction.atomic
def read(*, token: str, now: datetime) -> Link:
    """Give what a link is for, with the person's row locked: of two uses, one comes second.

    :raises LinkNoLongerValid: it is not ours, too old, or used.
    """
    try:
        content: dict[str, Any] = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError) as exc:
        raise LinkNoLongerValid from exc
    user = User.objects.select_for_update().filter(pk=content["user"], is_active=True).first()
    if user is None or now.timestamp() >= content["until"]:
        raise LinkNoLongerValid
    if not constant_time_compare(content["state"], _state(user)):
        raise LinkNoLongerValid
    return Link(Purpose(content["purpose"]), user, content["address"])


def _state(user: User) -> str:
    facts = f"{user.password} {user.email} {user.generation}"
    return salted_hmac(SALT, facts, algorithm="sha256").hexdigest()[:32]
