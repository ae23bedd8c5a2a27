"""Work of the timetable for whoever keeps the service running."""

from datetime import datetime
from typing import Any

import structlog
from celery import shared_task
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Role, User
from atmr.watching import folder, recent

log = structlog.get_logger(__name__)

WINDOW_MIN = 5
NAMED = 5  # statements that the message lists


# Twelve results an hour of which nothing is to be learnt; a failure is kept all the same.
@shared_task(ignore_result=True, store_errors_even_if_ignored=True)
def warn_of_slow_statements() -> int:
    """Tell the administrators of an outbreak of slow statements, once; give how many were told."""
    now = timezone.now()
    number = recent.count(now, WINDOW_MIN)
    if number is None:
        log.info("slow statements are not counted: no cache server")
        return 0
    if number <= settings.SLOW_STATEMENTS_MAIL_OVER:
        recent.end_outbreak()
        return 0
    if not recent.begin_outbreak():  # told already
        return 0
    try:
        return tell_administrators(number, now)
    except OSError:  # the mail server's, of which SMTP's are some: the next round tries again
        recent.end_outbreak()
        raise


@shared_task(ignore_result=True, store_errors_even_if_ignored=True)
def tidy_metrics() -> None:
    """Keep the folder of figures small where nobody reads them and commands come and go."""
    with folder.tidied(settings.METRICS_DIR):
        pass


def tell_administrators(number: int, now: datetime) -> int:
    """Write to each administrator in their language; a mail server may not be configured."""
    if not settings.EMAIL_URL:
        log.warning("many slow statements, and no mail server to tell it", number=number)
        return 0
    told = 0
    for user in User.objects.filter(role=Role.ADMINISTRATOR, is_active=True).order_by("pk"):
        with translation.override(user.language or settings.LANGUAGE_CODE):
            EmailMessage(
                subject=ngettext(
                    "ATMR: %(n)s slow statement in five minutes",
                    "ATMR: %(n)s slow statements in five minutes",
                    number,
                )
                % {"n": number},
                body=message(number, now),
                to=[user.email],
            ).send()
        told += 1
    log.warning("administrators were told of slow statements", number=number, told=told)
    return told


def message(number: int, now: datetime) -> str:
    """Say what is slow and who sends it, by shapes and names out of the code alone."""
    worst = _worst(recent.latest() or [])
    lines = [
        _("In the five minutes before %(at)s UTC, %(n)s statements took longer than %(ms)s ms.")
        % {"at": f"{now:%Y-%m-%d %H:%M}", "n": number, "ms": settings.SLOW_STATEMENT_MS},
        "",
        *(f"{e['ms']} ms  {e['sender']}  {e['site']}\n    {e['shape'][:200]}" for e in worst),
        "",
        _("The database page of the console shows the latest ones, and who waits for a lock."),
        _("What to do: docs/operations.md, “Statements are slow”."),
        _("You hear of this once, until it has been quiet for five minutes."),
    ]
    return "\n".join(lines)


def _worst(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the slowest of each shape, slowest first."""
    by_shape: dict[str, dict[str, Any]] = {}
    for entry in sorted(entries, key=lambda entry: entry["ms"]):
        by_shape[entry["fingerprint"]] = entry
    return sorted(by_shape.values(), key=lambda entry: -entry["ms"])[:NAMED]
