"""What is asked: clients, their bookings, and what happened to each."""

from bookings.models.bookings import Booking, BookingEvent, BookingQuerySet, Payer
from bookings.models.clients import Client, ClientQuerySet, Mobility, PreferredDriver, RefusedDriver
from bookings.models.series import (
    Anchor,
    BookingSeries,
    Priority,
    ReturnKind,
    SeriesException,
    SeriesSuspension,
)

__all__ = [
    "Anchor",
    "Booking",
    "BookingEvent",
    "BookingQuerySet",
    "BookingSeries",
    "Client",
    "ClientQuerySet",
    "Mobility",
    "Payer",
    "PreferredDriver",
    "Priority",
    "RefusedDriver",
    "ReturnKind",
    "SeriesException",
    "SeriesSuspension",
]
