"""Letters, written while nobody waits (how long an answer takes tells nothing), and forgetting."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts import retention
from accounts.models import User
from accounts.services import letters
from accounts.services.links import Purpose


@shared_task(
    acks_late=True,
    ignore_result=True,
    autoretry_for=(OSError,),  # the mail server's, of which SMTP's are some
    retry_backoff=30,
    max_retries=5,
)
def send_link(*, user_id: int | None, purpose: str) -> None:
    """Send the letter with a link; for nobody, nothing, so that both take the same at the door."""
    if user_id is None:
        return
    user = User.objects.select_related("company").filter(pk=user_id, is_active=True).first()
    if user is not None:
        letters.send_link(user=user, purpose=Purpose(purpose), now=timezone.now())


@shared_task(acks_late=True)
def forget_sign_ins() -> int:
    """Delete old sign-ins and sessions; give how many sign-ins. Safe to run twice."""
    now = timezone.now()
    retention.forget_sessions(now=now)
    return retention.forget_sign_ins(before=now - timedelta(days=settings.KEEP_SIGN_INS_DAYS))
