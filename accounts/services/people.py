"""How people come, change, and leave: each step of an account is one function here."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Role, User
from accounts.services import links, sessions
from accounts.services.links import LinkNoLongerValid, Purpose
from atmr.errors import DomainError


class AddressTaken(DomainError):
    message = _("Somebody signs in with this address already. Choose another one.")


def invite(*, company: Company, email: str, name: str = "", role: Role = Role.VIEWER) -> User:
    """Make the account of a person who has no password yet; a letter with a link follows.

    :raises AddressTaken: somebody signs in with it.
    """
    if User.objects.filter(email=email.lower()).exists():
        raise AddressTaken
    return User.objects.create_user(email, company=company, name=name, role=role)


@transaction.atomic
def set_password(*, token: str, password: str, now: datetime) -> User:
    """Set the password of who was invited or has forgotten it. Sessions elsewhere end with it.

    :raises LinkNoLongerValid: the link was used, is too old, or is for something else.
    """
    link = links.read(token=token, now=now)
    if link.purpose not in {Purpose.INVITATION, Purpose.RESET}:
        raise LinkNoLongerValid
    link.user.set_password(password)
    link.user.save(update_fields=["password"])
    sessions.end_all(user=link.user)
    return link.user


@transaction.atomic
def confirm_address(*, token: str, now: datetime) -> tuple[User, str]:
    """Let a person sign in with the address that the link was sent to; give the old one too.

    :raises LinkNoLongerValid: the link was used, is too old, or is for something else.
    :raises AddressTaken: somebody else signs in with it by now.
    """
    link = links.read(token=token, now=now)
    if link.purpose != Purpose.ADDRESS:
        raise LinkNoLongerValid
    user, old = link.user, link.user.email
    if User.objects.filter(email=link.address).exclude(pk=user.pk).exists():
        raise AddressTaken
    user.email = link.address
    user.save(update_fields=["email"])
    return user, old


@transaction.atomic
def switch_off(*, user: User) -> None:
    """Let a person who leaves do nothing from now on, nor with what is still open anywhere."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    sessions.end_all(user=user)
