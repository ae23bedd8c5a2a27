"""The states of a booking and the moves between them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class BookingStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")
    ASSIGNED = "assigned", _("Assigned")
    EN_ROUTE = "en_route", _("En route")
    ARRIVED = "arrived", _("Arrived")
    ON_BOARD = "on_board", _("On board")
    COMPLETED = "completed", _("Completed")
    NO_SHOW = "no_show", _("No show")
    CANCELLED = "cancelled", _("Cancelled")
