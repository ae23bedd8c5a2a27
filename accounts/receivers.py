"""Who signs in and out is logged, by ids only."""

from typing import Any

import structlog
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts.models import User

log = structlog.get_logger(__name__)


@receiver(user_logged_in)
def log_sign_in(user: User, **_: Any) -> None:
    log.info("signed in", account_id=user.pk)


@receiver(user_logged_out)
def log_sign_out(user: User | None, **_: Any) -> None:
    log.info("signed out", account_id=user.pk if user else None)


@receiver(user_login_failed)
def log_refusal(credentials: dict[str, Any], **_: Any) -> None:
    """Log which account was tried; None when there is none of that name."""
    email = str(credentials.get("username", "")).lower()
    account_id = User.objects.filter(email=email).values_list("pk", flat=True).first()
    log.warning("sign-in refused", account_id=account_id)
