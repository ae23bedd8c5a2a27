"""What is kept of sign-ins for a time only."""

from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import transaction

from accounts.models import SignIn

BATCH = 5_000
BATCHES = 400  # a night's work at most


def forget_sign_ins(*, before: datetime, batch: int = BATCH, batches: int = BATCHES) -> int:
    """Delete the sign-ins before an instant, the first recorded first; give how many."""
    forgotten = 0
    for _ in range(batches):
        with transaction.atomic():
            first = SignIn.objects.order_by("pk").values("pk")[:batch]
            deleted, _by_model = SignIn.objects.filter(pk__in=first, at__lt=before).delete()
        forgotten += deleted
        if deleted < batch:
            break
    return forgotten


def forget_sessions(*, now: datetime) -> int:
    """Delete the sessions whose time is over; give how many."""
    deleted, _by_model = Session.objects.filter(expire_date__lt=now).delete()
    return deleted
