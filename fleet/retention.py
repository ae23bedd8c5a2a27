"""What is kept for a time only: where vehicles were."""

from datetime import datetime

from django.db import transaction

from fleet.models import Position

BATCH = 5_000
# A night's work at most: what is left is older tomorrow.
BATCHES = 400


def forget_positions(*, before: datetime, batch: int = BATCH, batches: int = BATCHES) -> int:
    """Delete the positions reported before an instant, the first recorded first; give how many.

    Each batch is a transaction, found by the primary key and over in milliseconds: a vehicle that
    reports meanwhile waits for nothing.
    """
    forgotten = 0
    for _ in range(batches):
        with transaction.atomic():
            first = Position.objects.order_by("pk").values("pk")[:batch]
            old = Position.objects.filter(pk__in=first, at__lt=before)
            deleted, _by_model = old.delete()
        forgotten += deleted
        if deleted < batch:
            break
    return forgotten
