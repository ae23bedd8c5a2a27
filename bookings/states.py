"""The states of a booking, the moves between them, and the corrections of a wrong button."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError


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


_S = BookingStatus

MOVES: dict[BookingStatus, frozenset[BookingStatus]] = {
    _S.PENDING: frozenset({_S.ACCEPTED, _S.REJECTED, _S.CANCELLED}),
    _S.ACCEPTED: frozenset({_S.ASSIGNED, _S.CANCELLED}),
    _S.ASSIGNED: frozenset({_S.EN_ROUTE, _S.ACCEPTED, _S.CANCELLED}),
    _S.EN_ROUTE: frozenset({_S.ARRIVED, _S.ACCEPTED, _S.CANCELLED}),
    _S.ARRIVED: frozenset({_S.ON_BOARD, _S.NO_SHOW, _S.CANCELLED}),
    _S.ON_BOARD: frozenset({_S.COMPLETED}),
    _S.COMPLETED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.NO_SHOW: frozenset(),
    _S.CANCELLED: frozenset(),
}

# Before a driver has it, a booking can still be rearranged freely.
UNASSIGNED = frozenset({_S.PENDING, _S.ACCEPTED})
# A driver has it: a live assignment goes with each of these states and with no other.
WITH_DRIVER = frozenset({_S.ASSIGNED, _S.EN_ROUTE, _S.ARRIVED, _S.ON_BOARD})
OPEN = UNASSIGNED | WITH_DRIVER
# Reported from the road, each with the time at which it happened.
REPORTED = frozenset({_S.EN_ROUTE, _S.ARRIVED, _S.ON_BOARD, _S.COMPLETED, _S.NO_SHOW})
# The report whose time the next one must not precede, as the move that brought it.
REPORT_BEFORE = {
    _S.ARRIVED: (_S.ASSIGNED, _S.EN_ROUTE),
    _S.ON_BOARD: (_S.EN_ROUTE, _S.ARRIVED),
    _S.NO_SHOW: (_S.EN_ROUTE, _S.ARRIVED),
    _S.COMPLETED: (_S.ARRIVED, _S.ON_BOARD),
}
NEEDS_REASON = frozenset({_S.REJECTED, _S.CANCELLED})


class Correction(models.TextChoices):
    """A wrong button is taken back by name and with a reason, one step at a time."""

    UNDO_ACCEPT = "undo_accept", _("Not accepted after all")
    UNDO_REJECT = "undo_reject", _("Not rejected after all")
    REINSTATE = "reinstate", _("Not cancelled after all")
    UNDO_EN_ROUTE = "undo_en_route", _("Was not en route")
    UNDO_ARRIVED = "undo_arrived", _("Had not arrived")
    UNDO_ON_BOARD = "undo_on_board", _("Was not on board")
    UNDO_COMPLETED = "undo_completed", _("Was not delivered")
    UNDO_NO_SHOW = "undo_no_show", _("Was there after all")


CORRECTIONS: dict[Correction, tuple[BookingStatus, BookingStatus]] = {
    Correction.UNDO_ACCEPT: (_S.ACCEPTED, _S.PENDING),
    Correction.UNDO_REJECT: (_S.REJECTED, _S.PENDING),
    # Its promise and its driver are gone: it is accepted anew or not at all.
    Correction.REINSTATE: (_S.CANCELLED, _S.PENDING),
    Correction.UNDO_EN_ROUTE: (_S.EN_ROUTE, _S.ASSIGNED),
    Correction.UNDO_ARRIVED: (_S.ARRIVED, _S.EN_ROUTE),
    Correction.UNDO_ON_BOARD: (_S.ON_BOARD, _S.ARRIVED),
    Correction.UNDO_COMPLETED: (_S.COMPLETED, _S.ON_BOARD),
    Correction.UNDO_NO_SHOW: (_S.NO_SHOW, _S.ARRIVED),
}


class IllegalMove(DomainError):
    message = _("A booking does not go from “%(from)s” to “%(to)s”.")


def sources(to: BookingStatus) -> frozenset[BookingStatus]:
    """Give the states from which a booking may move to `to`."""
    return frozenset(state for state, targets in MOVES.items() if to in targets)


def check_move(from_status: BookingStatus, to: BookingStatus) -> None:
    """Let a move of the diagram pass.

    :raises IllegalMove: the diagram has no such arrow.
    """
    if to not in MOVES[from_status]:
        raise IllegalMove(**{"from": from_status.label, "to": to.label})
