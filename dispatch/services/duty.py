"""Time on duty that changes under rides: absences, shifts changed or cancelled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

import numpy as np
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from atmr.clock import local_day
from atmr.errors import DomainError
from bookings.services import moves
from bookings.states import BookingStatus
from dispatch.models import Alert, AlertKind, Assignment, AssignmentStatus
from dispatch.services import applying
from dispatch.travel import GreatCircle
from fleet.availability import Interval, remaining
from fleet.models import Absence, AbsenceKind, Driver, Place, Shift, ShiftStatus, Vehicle
from fleet.services import check_may_drive, refusing

# What can still be taken from a driver; from then on the client has met the van.
TAKEN_BACK = (BookingStatus.ASSIGNED, BookingStatus.EN_ROUTE)


class ShiftCarriesRides(DomainError):
    message = _("The shift carries %(references)s: say that they are taken back.")


class ShiftUnderWay(DomainError):
    message = _("The driver is under way or has driven in this shift: %(references)s.")


class AbsenceEndsBeforeStart(DomainError):
    message = _("The absence ends after it starts.")
    constraints = ("absence_ends_after_start",)


class AlreadyCancelled(DomainError):
    message = _("The shift is cancelled already.")


class ShiftChanges(TypedDict, total=False):
    """What may change about a shift."""

    driver: Driver
    vehicle: Vehicle
    starts_at: datetime
    ends_at: datetime
    start_place: Place
    end_place: Place
    break_min: int
    break_from_at: datetime | None
    break_until_at: datetime | None


@dataclass(frozen=True)
class Recorded:
    """An absence and what it did: shifts as they are now, bookings that wait for a driver."""

    absence: Absence
    shortened: list[Shift]
    opened: list[Shift]
    cancelled: list[Shift]
    taken_back: set[int]


@transaction.atomic
def record_absence(
    *,
    driver: Driver,
    kind: AbsenceKind,
    starts_at: datetime,
    ends_at: datetime,
    actor: User | None,
    now: datetime,
    note: str = "",
) -> Recorded:
    """Enter an absence; shifts in its way are shortened, split or cancelled.

    Rides that no longer fit are taken back, with an alert for each. A ride whose client has met the
    driver stays, with an alert. Of a shift that is split, the second part takes the rides after; a
    break whose window is not wholly in one part is dropped, since the absence interrupts the work.

    :raises AbsenceEndsBeforeStart: it has no length.
    :raises ShiftUnderWay: the absence covers a shift in which the driver carries or has carried.
    """
    away = Interval(starts_at, ends_at)
    recorded = Recorded(
        Absence(driver=driver, kind=kind, starts_at=starts_at, ends_at=ends_at, note=note),
        [], [], [], set(),
    )  # fmt: skip
    if ends_at <= starts_at:
        raise AbsenceEndsBeforeStart
    for shift in _locked_shifts(driver, away):
        pieces = remaining(Interval(shift.starts_at, shift.ends_at), [away])
        if pieces:
            _cut(shift, pieces, recorded, actor=actor, now=now)
        else:
            recorded.taken_back.update(_cancel(shift, actor=actor, now=now, why="absence"))
            recorded.cancelled.append(shift)
    with refusing():
        recorded.absence.save(force_insert=True)
    return recorded


@transaction.atomic
def change_shift(
    *,
    shift: Shift,
    actor: User | None,
    now: datetime,
    take_back: bool = False,
    **changes: Unpack[ShiftChanges],
) -> set[int]:
    """Change a shift and bring `shift` up to date; give the bookings taken back from it.

    :raises ShiftCarriesRides: rides do not fit any more, and the caller did not say `take_back`.
    :raises ShiftUnderWay: one of these cannot be taken back.
    :raises AlreadyCancelled: nobody drives it.
    :raises OverlappingShift, VehicleTaken, DriverIsAbsent: somebody was entered there before.
    :raises DriverInactive, DocumentExpired, LicenceMissing, VehicleInactive, InspectionExpired:
    """
    rides = _locked_rides([shift])
    shift.refresh_from_db(from_queryset=Shift.objects.with_people().select_related("company"))
    if shift.status == ShiftStatus.CANCELLED:
        raise AlreadyCancelled
    before = _copy(shift)
    for name, value in changes.items():
        setattr(shift, name, value)
    if (shift.driver_id, shift.vehicle_id) == (before.driver_id, before.vehicle_id):
        lost = [ride for ride in _lost(rides, [shift]) if _fits(ride, before)]
    else:
        day = local_day(shift.starts_at, shift.company.tz)
        check_may_drive(driver=shift.driver, vehicle=shift.vehicle, day=day)
        lost = rides
    _refuse_kept([ride for ride in lost if ride.booking.status not in TAKEN_BACK])
    if lost and not take_back:
        raise ShiftCarriesRides(references=_references(lost))
    taken = _take_back(lost, actor=actor, now=now, why="shift_changed")
    with refusing():
        shift.save(update_fields=[*changes])
    shift.refresh_from_db()
    return taken


@transaction.atomic
def cancel_shift(
    *, shift: Shift, actor: User | None, now: datetime, take_back: bool = False
) -> set[int]:
    """Cancel a shift; give the bookings taken back from it.

    :raises ShiftCarriesRides: there are some, and the caller did not say `take_back`.
    :raises ShiftUnderWay: the driver carries or has carried somebody.
    :raises AlreadyCancelled: nobody drives it.
    """
    rides = _locked_rides([shift])
    shift.refresh_from_db()
    if shift.status == ShiftStatus.CANCELLED:
        raise AlreadyCancelled
    if rides and not take_back:
        raise ShiftCarriesRides(references=_references(rides))
    return _cancel(shift, actor=actor, now=now, why="shift_cancelled")


def _locked_shifts(driver: Driver, away: Interval) -> list[Shift]:
    """Lock the driver's shifts in the way with their rides, then the driver: none can be added."""
    in_the_way = Shift.objects.planned().filter(driver=driver).reaching_into(*away)
    shifts = list(in_the_way)
    _locked_rides(shifts)
    Driver.objects.select_for_update(no_key=True).get(pk=driver.pk)
    late = list(in_the_way.exclude(pk__in=[shift.pk for shift in shifts]))
    if late:  # entered while we waited for the driver
        _locked_rides(late)
    return list(in_the_way.with_people().select_related("company").order_by("starts_at"))


def _locked_rides(shifts: Sequence[Shift]) -> list[Assignment]:
    """Lock shifts and the bookings on them; give their live rides in order."""
    if not shifts:
        return []
    live = Assignment.objects.live().filter(shift__in=shifts)
    applying.lock(
        company=shifts[0].company,
        booking_ids=live.values_list("booking_id", flat=True),
        shift_ids=[shift.pk for shift in shifts],
    )
    return _rides(shifts)


def _rides(shifts: Sequence[Shift]) -> list[Assignment]:
    return list(
        Assignment.objects.live()
        .filter(shift__in=shifts)
        .select_related("booking__pickup_place", "booking__delivery_place")
        .order_by("pickup_at", "pk")
    )


def _cut(
    shift: Shift, pieces: list[Interval], recorded: Recorded, *, actor: User | None, now: datetime
) -> None:
    """Leave the first piece to the shift, and open another for the second."""
    rides = _rides([shift])
    parts = [shift]
    if len(pieces) == 2:
        parts.append(_copy(shift))
        recorded.opened.append(parts[1])
    for part, piece in zip(parts, pieces, strict=True):
        _confine(part, piece)
        part.save()
    recorded.shortened.append(shift)
    lost = _lost(rides, parts)
    stuck = [ride for ride in lost if ride.booking.status not in TAKEN_BACK]
    _alert(stuck, AlertKind.INHERITED_VIOLATION, now=now, why="absence")
    gone = [ride for ride in lost if ride not in stuck]
    recorded.taken_back.update(_take_back(gone, actor=actor, now=now, why="absence"))
    for part in parts[1:]:
        later = [ride.pk for ride in rides if ride not in lost and _fits(ride, part)]
        Assignment.objects.filter(pk__in=later).update(shift=part)


def _copy(shift: Shift) -> Shift:
    own = {"id", "version", "reference"}
    fields = [field.name for field in Shift._meta.concrete_fields if field.name not in own]
    return Shift(**{name: getattr(shift, name) for name in fields})


def _confine(shift: Shift, piece: Interval) -> None:
    shift.starts_at, shift.ends_at = piece
    start, end = shift.break_from_at, shift.break_until_at
    if start is None or end is None or not piece.covers(Interval(start, end)):
        shift.break_min, shift.break_from_at, shift.break_until_at = 0, None, None


def _lost(rides: Iterable[Assignment], parts: Sequence[Shift]) -> list[Assignment]:
    return [ride for ride in rides if not any(_fits(ride, part) for part in parts)]


def _fits(ride: Assignment, shift: Shift) -> bool:
    """Say whether the ride leaves time to drive there from the start and from there to the end.

    Between the rides that stay nothing gets tighter: to leave one out makes no drive longer.
    """
    places = (
        shift.start_place,
        ride.booking.pickup_place,
        ride.booking.delivery_place,
        shift.end_place,
    )
    seconds = GreatCircle().matrix_s(
        np.array([place.lat for place in places]), np.array([place.lon for place in places])
    )
    there, back = (timedelta(seconds=int(seconds[leg])) for leg in ((0, 1), (2, 3)))
    return shift.covers(ride.pickup_at - there, ride.ends_at + back)


def _cancel(shift: Shift, *, actor: User | None, now: datetime, why: str) -> set[int]:
    rides = _rides([shift])
    driven = Assignment.objects.filter(shift=shift, status=AssignmentStatus.DONE)
    _refuse_kept(
        [
            *(ride for ride in rides if ride.booking.status not in TAKEN_BACK),
            *driven.select_related("booking"),
        ]
    )
    taken = _take_back(rides, actor=actor, now=now, why=why)
    shift.status = ShiftStatus.CANCELLED
    shift.save(update_fields=["status"])
    return taken


def _refuse_kept(rides: Sequence[Assignment]) -> None:
    if rides:
        raise ShiftUnderWay(references=_references(rides))


def _references(rides: Iterable[Assignment]) -> str:
    return ", ".join(ride.booking.reference for ride in rides)


def _take_back(
    rides: Sequence[Assignment], *, actor: User | None, now: datetime, why: str
) -> set[int]:
    """End the rides; their bookings wait for a driver again, and somebody is told."""
    if not rides:
        return set()
    Assignment.objects.filter(pk__in=[ride.pk for ride in rides]).update(
        status=AssignmentStatus.CANCELLED
    )
    _alert(rides, AlertKind.ASSIGNMENT_LOST, now=now, why=why)
    return moves.move_many(
        company=rides[0].booking.company,
        booking_ids=[ride.booking_id for ride in rides],
        to=BookingStatus.ACCEPTED,
        froms=TAKEN_BACK,
        actor=actor,
        now=now,
        reason=gettext("The driver is not on duty for it any more."),
    )


def _alert(rides: Iterable[Assignment], kind: AlertKind, *, now: datetime, why: str) -> None:
    Alert.objects.bulk_create(
        Alert(
            company_id=ride.company_id,
            kind=kind,
            booking=ride.booking,
            shift_id=ride.shift_id,
            details={"why": why},
            raised_at=now,
        )
        for ride in rides
    )
