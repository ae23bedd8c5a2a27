"""The one upward message: bookings were created, moved or changed. Ids only, after commit."""

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.dispatch import Signal

# Receivers get `company_id` and `booking_ids`, a sorted list.
booking_changed = Signal()


def announce(company_id: int, booking_ids: Iterable[int]) -> None:
    """Tell who listens, once the transaction is committed."""
    ids = sorted(booking_ids)
    if ids:
        send = partial(booking_changed.send, None, company_id=company_id, booking_ids=ids)
        transaction.on_commit(send, robust=True)  # who listens cannot undo it any more
