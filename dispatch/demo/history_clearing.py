"""Taking an invented history away again: the days of its companies, and nothing of others.

Drivers and vehicles stay for the next history: they are the same ones whatever is asked for.
"""

from django.db import connection
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from atmr.errors import DomainError
from bookings.models import Booking
from dispatch.demo.history_quiet import quiet

BATCH = 20_000


class NotOfTheHistory(DomainError):
    message = _("The company “%(slug)s” has bookings that no history made, such as %(reference)s.")


# What points at a row goes before it. Bookings by day, so that a return goes with its outbound.
_OF_BOOKINGS = (
    "DELETE FROM dispatch_alert WHERE booking_id = ANY(%(ids)s)",
    "DELETE FROM dispatch_unassigned WHERE booking_id = ANY(%(ids)s)",
    "DELETE FROM dispatch_outbox WHERE booking_id = ANY(%(ids)s)",
    "DELETE FROM dispatch_assignment WHERE booking_id = ANY(%(ids)s)",
    "DELETE FROM bookings_bookingevent WHERE booking_id = ANY(%(ids)s)",
    "DELETE FROM bookings_bookinghistory WHERE pgh_obj_id = ANY(%(ids)s)",
    "DELETE FROM bookings_booking WHERE id = ANY(%(ids)s)",
)
_OF_COMPANY = (
    "DELETE FROM dispatch_alert WHERE company_id = %(company)s",
    "DELETE FROM dispatch_outbox WHERE company_id = %(company)s",
    "DELETE FROM dispatch_dispatchrun WHERE company_id = %(company)s",
    (
        "DELETE FROM fleet_position USING fleet_shift s"
        " WHERE shift_id = s.id AND s.company_id = %(company)s"
    ),
    "DELETE FROM fleet_shift WHERE company_id = %(company)s",
    (
        "DELETE FROM fleet_absence USING fleet_driver d"
        " WHERE driver_id = d.id AND d.company_id = %(company)s"
    ),
    "DELETE FROM bookings_client WHERE company_id = %(company)s",
    "DELETE FROM fleet_place WHERE company_id = %(company)s",
)
# The past of what was just deleted, which the triggers wrote.
_PAST = (
    "DELETE FROM fleet_shifthistory WHERE company_id = %(company)s",
    (
        "DELETE FROM fleet_absencehistory USING fleet_driver d"
        " WHERE driver_id = d.id AND d.company_id = %(company)s"
    ),
    "DELETE FROM bookings_bookinghistory WHERE company_id = %(company)s",
    "DELETE FROM bookings_clienthistory WHERE company_id = %(company)s",
    "DELETE FROM fleet_placehistory WHERE company_id = %(company)s",
)


def clear(company: Company, prefix: str) -> int:
    """Delete what a company of the history has; give the number of bookings. Batch by batch.

    :raises NotOfTheHistory: somebody entered a booking there.
    """
    bookings = Booking.objects.for_company(company)
    stranger = bookings.exclude(reference__startswith=prefix).first()
    if stranger is not None:
        raise NotOfTheHistory(slug=company.slug, reference=stranger.reference)
    removed = 0
    while ids := _next_days(company):
        with quiet(), connection.cursor() as cursor:
            for statement in _OF_BOOKINGS:
                cursor.execute(statement, {"ids": ids})
        removed += len(ids)
    with quiet(), connection.cursor() as cursor:
        for statement in (*_OF_COMPANY, *_PAST):
            cursor.execute(statement, {"company": company.pk})
    return removed


def _next_days(company: Company) -> list[int]:
    """Give the ids of the earliest bookings left, whole days of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH first AS (
                SELECT scheduled_at FROM bookings_booking WHERE company_id = %(company)s
                ORDER BY scheduled_at LIMIT %(batch)s
            )
            SELECT id FROM bookings_booking WHERE company_id = %(company)s
            AND scheduled_at < (SELECT max(scheduled_at)::date + 1 FROM first)
            """,
            {"company": company.pk, "batch": BATCH},
        )
        return [pk for (pk,) in cursor.fetchall()]
