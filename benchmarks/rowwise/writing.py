"""A plan goes live, row at a time, inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from atmr.errors import DomainError
from benchmarks.rowwise.loading import RIDDEN, latest_assignment
from bookings.models import Booking
from bookings.services import moves
from bookings.states import BookingStatus
from dispatch.darp.plan import Violation
from dispatch.mapping.problem import MappedDay
from dispatch.models import Alert, AlertKind, Assignment, AssignmentStatus, DispatchRun, Unassigned
from dispatch.services import alerting, notices
from dispatch.services.changes import Change
from dispatch.services.planning import violation_json
from fleet.models import Shift, ShiftStatus


class RideRefused(DomainError):
    message = "What was planned for a booking can no longer be."


@dataclass(frozen=True)
class Writing:
    """One run's changes, each read again under its lock, asked about, and saved."""

    run: DispatchRun
    mapped: MappedDay
    now: datetime

    def apply(self, changes: Sequence[Change], left: Sequence[Unassigned]) -> None:
        """Write the plan: first what ends, or rides that swap drivers would be in each other's way.

        :raises RideRefused: a row has changed since it was read, or another ride is in the way.
        """
        read = {booking.pk: booking.version for booking in self.mapped.day.bookings}
        bookings = {change.booking_id: self._locked(change, read) for change in changes}
        for change in changes:
            if change.current is not None:
                self._supersede(change.current)
        for change in changes:
            if change.row is not None:
                self._enter(change.row)
            self._move(bookings[change.booking_id], change)
        for shift_id in sorted(set().union(*(change.shift_ids for change in changes))):
            self._number(shift_id)
        for row in left:
            row.save()
        self._alert_lost(changes, bookings)
        self._tell(changes, bookings)

    def _locked(self, change: Change, read: dict[int, int]) -> Booking:
        """Lock a booking; it and its latest assignment are still what the plan was made from."""
        booking = Booking.objects.select_for_update(no_key=True).get(pk=change.booking_id)
        latest = latest_assignment(booking)
        if booking.version != read[booking.pk] or latest != change.current:
            raise RideRefused
        return booking

    def _supersede(self, current: Assignment) -> None:
        current.status = AssignmentStatus.SUPERSEDED
        current.ended_by_run = self.run
        current.save(update_fields=["status", "ended_by_run"])

    def _enter(self, row: Assignment) -> None:
        """Make a ride live if its driver is on duty and has no other ride at the time."""
        shift = Shift.objects.select_for_update(no_key=True).get(pk=row.shift_id)
        if shift.status != ShiftStatus.PLANNED or not shift.driver.active:
            raise RideRefused
        others = shift.assignments.live().exclude(pool=row.pool)
        if others.filter(pickup_at__lt=row.ends_at, ends_at__gt=row.pickup_at).exists():
            raise RideRefused
        row.status = AssignmentStatus.LIVE
        row.save()

    def _move(self, booking: Booking, change: Change) -> None:
        """Move the booking's state with its actor and reason, which the events' trigger reads."""
        if change.row is not None and change.current is not None:
            return
        given = change.row is not None
        booking.status = BookingStatus.ASSIGNED if given else BookingStatus.ACCEPTED
        moves.say(actor=None, reason=f"run {self.run.pk}", at=self.now)
        booking.save(update_fields=["status"])

    def _number(self, shift_id: int) -> None:
        rides = Assignment.objects.filter(shift_id=shift_id, status__in=RIDDEN)
        for place, ride in enumerate(rides.order_by("pickup_at", "id")):
            if ride.status == AssignmentStatus.LIVE and ride.sequence != place:
                ride.sequence = place
                ride.save(update_fields=["sequence"])

    def _alert_lost(self, changes: Sequence[Change], bookings: dict[int, Booking]) -> None:
        for change in changes:
            if change.row is None and change.current is not None:
                self._raise_once(
                    Alert(
                        company_id=self.run.company_id,
                        kind=AlertKind.ASSIGNMENT_LOST,
                        booking=bookings[change.booking_id],
                        shift=change.current.shift,
                        run=self.run,
                        raised_at=self.now,
                    )
                )

    def _tell(self, changes: Sequence[Change], bookings: dict[int, Booking]) -> None:
        """Write whom the plan concerns, a notice a query."""
        partners = {pk: booking.partner_id for pk, booking in bookings.items()}
        told = notices.of_changes(run=self.run, changes=changes, partners=partners, now=self.now)
        for notice in told:
            notice.save()

    def raise_alerts(self, inherited: Sequence[Violation]) -> None:
        """Tell what is broken already."""
        for broken in inherited:
            if alerting.is_alarm(broken, self.mapped.day.policy):
                request, vehicle = broken.request, broken.vehicle
                self._raise_once(
                    Alert(
                        company_id=self.run.company_id,
                        kind=AlertKind.INHERITED_VIOLATION,
                        booking=self.mapped.bookings[request] if request >= 0 else None,
                        shift=self.mapped.shifts[vehicle] if vehicle >= 0 else None,
                        run=self.run,
                        details=violation_json(self.mapped, broken),
                        raised_at=self.now,
                    )
                )

    def _raise_once(self, alert: Alert) -> None:
        same = Alert.objects.open().filter(
            company_id=alert.company_id,
            kind=alert.kind,
            booking=alert.booking,
            shift=alert.shift,
        )
        if not any(other.details.get("rule") == alert.details.get("rule") for other in same):
            alert.save()
