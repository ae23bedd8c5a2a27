"""Many rows from one, made by the server in a moment."""

from django.db import connection, transaction

from bookings.models import Booking


@transaction.atomic
def copy_booking(booking: Booking, count: int) -> None:
    """Add `count` bookings like `booking`, an hour apart, without what triggers make of each.

    The database's user must be its superuser, as the embedded one is.
    """
    columns = {
        field.column: f'b."{field.column}"'
        for field in Booking._meta.concrete_fields
        if field.name not in {"id", "scheduled_at"}
    }
    columns |= {
        "reference": "b.reference || '-' || n",
        "requested_pickup_at": "b.requested_pickup_at + n * interval '1 hour'",
    }
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute(
            f"INSERT INTO bookings_booking ({names}) SELECT {', '.join(columns.values())}"  # noqa: S608 - the model's own columns
            " FROM bookings_booking b, generate_series(1, %s) n WHERE b.id = %s",
            [count, booking.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = 'origin'")
        cursor.execute("ANALYZE bookings_booking")
