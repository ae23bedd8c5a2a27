"""A transaction in which the triggers of the big tables do not act on what is written."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError

# Their rows are the many, and bring what the triggers would write or have it checked afterwards.
QUIET = ("bookings_booking", "bookings_bookingevent", "dispatch_assignment", "dispatch_outbox")

# Those who write are let finish for so long.
WAIT = "10s"


class NotTheOwner(DomainError):
    message = _("Only the owner of the tables may fill a history: their triggers have to rest.")


class TablesBusy(DomainError):
    message = _("Somebody writes bookings or assignments all the time. Try again when it is quiet.")


@contextmanager
def quiet() -> Iterator[None]:
    """Let the users' triggers of the big tables rest until the transaction ends.

    To switch them off is an act on the table, so it takes the lock that lets readers pass and makes
    other writers wait, and goes with the transaction whatever becomes of it. Foreign keys, checks
    and exclusions are no users' triggers: they hold, and at once, so that what waits to be checked
    never outgrows the memory.

    :raises NotTheOwner: the tables are somebody else's.
    :raises TablesBusy: the lock did not come within seconds.
    """
    with transaction.atomic():
        _switch_off()
        yield
        with connection.cursor() as cursor:
            for table in QUIET:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _switch_off() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [WAIT])
            for table in QUIET:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute("SET LOCAL lock_timeout = 0")
    except DatabaseError as error:
        if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            raise NotTheOwner from error
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise TablesBusy from error
        raise
