"""Letters, written while nobody waits: how long an answer takes tells nothing about an account."""

from celery import shared_task
from django.utils import timezone

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
