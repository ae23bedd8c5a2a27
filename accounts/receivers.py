"""Who signs in and out is logged, by ids only, and tries to sign in are kept for a time."""

from typing import Any

import structlog
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.origins import browser_of, network_of
from accounts.services import sessions

log = structlog.get_logger(__name__)


@receiver(user_logged_in)
def log_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    log.info("signed in", account_id=user.pk)
    if request.session.session_key is None:
        request.session.save()  # which gives it its key
    _record(request, user, session_key=request.session.session_key or "")


@receiver(user_logged_out)
def log_sign_out(user: User | None, **_: Any) -> None:
    log.info("signed out", account_id=user.pk if user else None)


@receiver(user_login_failed)
def log_refusal(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Log which account was tried; None when there is none of that name."""
    email = str(credentials.get("username", "")).lower()
    user = User.objects.filter(email=email).first()
    log.warning("sign-in refused", account_id=user.pk if user else None)
    if request is not None:
        _record(request, user)


def _record(request: HttpRequest, user: User | None, session_key: str = "") -> None:
    sessions.record(
        user=user,
        at=timezone.now(),
        network=network_of(request),
        browser=browser_of(request),
        session_key=session_key,
    )
