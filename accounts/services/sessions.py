"""Who signed in, from where, and what of it is still open."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.sessions.models import Session
from django.db.models import F, QuerySet

from accounts.models import SignIn, User


def record(
    *, user: User | None, at: datetime, network: str, browser: str, session_key: str = ""
) -> SignIn:
    """Keep a try to sign in; without a session it failed, without a person it was at a guess."""
    return SignIn.objects.create(
        user=user,
        company_id=user.company_id if user else None,
        at=at,
        succeeded=bool(session_key),
        network=network,
        browser=browser,
        session_key=session_key,
    )


def open_of(*, user: User, now: datetime) -> QuerySet[SignIn]:
    """Give the sign-ins of a person whose sessions are open, latest first."""
    return SignIn.objects.filter(user=user, succeeded=True).still_open(now).order_by("-at", "-id")


def end(*, sign_ins: Iterable[SignIn]) -> int:
    """End the sessions that these sign-ins opened; give how many were still open."""
    keys = [sign_in.session_key for sign_in in sign_ins if sign_in.session_key]
    ended, _by_model = Session.objects.filter(session_key__in=keys).delete()
    return ended


def end_others(*, user: User, session_key: str) -> int:
    """End the sessions of a person but one."""
    return end(sign_ins=SignIn.objects.filter(user=user).exclude(session_key=session_key))


def end_all(*, user: User) -> None:
    """End every session and link of a person, here and now; also one that nobody listed."""
    User.objects.filter(pk=user.pk).update(generation=F("generation") + 1)
    user.refresh_from_db(fields=["generation"])
    end(sign_ins=SignIn.objects.filter(user=user))


def renamed(*, old: str, new: str) -> None:
    """Follow a session that goes on under another key, as one does after a new password."""
    SignIn.objects.filter(session_key=old).update(session_key=new)
