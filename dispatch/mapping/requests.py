"""Bookings to requests: windows, ride limits, and returns that wait for their outbound."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bookings.models import Anchor, Booking, Priority
from bookings.states import WITH_DRIVER, BookingStatus
from dispatch.darp.problem import Request, TimeWindow
from dispatch.mapping.day import (
    UNDER_WAY,
    Day,
    Places,
    load,
    max_ride_s,
    narrowed,
    service_s,
)

# What stands for a reason where no rule of a route is broken.
RETURN_BEFORE_OUTBOUND = "return_before_outbound"
OUTBOUND_NOT_SERVED = "outbound_not_served"

_PRIORITY = {value: rank for rank, value in enumerate(Priority.values)}
_ENDED = frozenset({BookingStatus.COMPLETED})


@dataclass
class Requests:
    """The requests of a day, the booking of each, and the bookings that cannot be one.

    ``elsewhere`` are rides on shifts that are not of this problem: not for it to move.
    """

    requests: list[Request] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    index: dict[int, int] = field(default_factory=dict)
    elsewhere: dict[int, Request] = field(default_factory=dict)
    unplannable: list[tuple[Booking, str]] = field(default_factory=list)

    def add(self, booking: Booking, request: Request) -> None:
        self.index[booking.pk] = len(self.requests)
        self.requests.append(request)
        self.bookings.append(booking)


def build_requests(day: Day, places: Places, travel: Sequence[Sequence[int]]) -> Requests:
    """Turn the bookings of a day into requests, outbounds before the returns that wait for them."""
    found = Requests()
    by_id = {booking.pk: booking for booking in day.bookings}
    shifts = {shift.pk for shift in day.shifts}
    for booking in sorted(day.bookings, key=lambda booking: booking.outbound_id is not None):
        if booking.status in _ENDED:
            continue
        direct_s = travel[places.of(booking.pickup_place)][places.of(booking.delivery_place)]
        request = _request(day, booking, places, direct_s)
        current = day.current(booking)
        if current is not None and current.shift_id not in shifts:
            found.elsewhere[booking.pk] = request
            continue
        if booking.outbound_id is not None and not day.is_committed(booking):
            answer = _after_outbound(day, booking, request, by_id, found)
            if isinstance(answer, str):
                found.unplannable.append((booking, answer))
                continue
            request = answer
        found.add(booking, request)
    return found


def _request(day: Day, booking: Booking, places: Places, direct_s: int) -> Request:
    pickup_service, delivery_service = service_s(day.policy, booking)
    max_ride = max_ride_s(day.policy, booking, direct_s)
    pickup, delivery = _windows(day, booking, direct_s, max_ride)
    aboard = booking.status == BookingStatus.ON_BOARD
    if aboard and booking.actual_pickup_at is not None:
        # The client left when the driver reported him on board.
        latest = min(delivery.latest, day.ticks(booking.actual_pickup_at) + max_ride)
        delivery = TimeWindow(min(delivery.earliest, latest), latest)
    current = day.current(booking)
    if booking.status in UNDER_WAY and current is not None:
        # Its row keeps the vehicle until it ends: an early van takes nobody else before.
        pickup = _not_before(pickup, day.ticks(current.pickup_at))
        delivery = _not_before(delivery, day.ticks(current.delivery_at))
    return Request(
        pickup=places.of(booking.pickup_place),
        delivery=places.of(booking.delivery_place),
        pickup_window=pickup,
        delivery_window=delivery,
        load=load(booking),
        pickup_service=pickup_service,
        delivery_service=delivery_service,
        max_ride=max_ride,
        priority=_PRIORITY[booking.priority],
        aboard=aboard,
        promise=_promise(day, booking, pickup),
    )


def _windows(
    day: Day, booking: Booking, direct_s: int, max_ride: int
) -> tuple[TimeWindow, TimeWindow]:
    """Give the hard windows on start of service at the pickup and at the delivery."""
    policy = day.policy
    pickup_service, delivery_service = service_s(policy, booking)
    current = day.current(booking)
    if current is not None and day.keeps_times(booking):
        start, end = day.ticks(current.pickup_at), day.ticks(current.delivery_at)
        return TimeWindow(start, start), TimeWindow(end, end)
    if booking.anchor == Anchor.ARRIVE_BY:
        done_by = day.ticks(booking.scheduled_at) - delivery_service
        delivery = TimeWindow(
            done_by - 60 * policy.arrive_early_min, done_by - 60 * policy.arrive_late_min
        )
        return (
            TimeWindow(
                delivery.earliest - max_ride - pickup_service,
                delivery.latest - direct_s - pickup_service,
            ),
            delivery,
        )
    requested = day.ticks(booking.scheduled_at)
    pickup = TimeWindow(
        requested - 60 * policy.window_before_min, requested + 60 * policy.window_after_min
    )
    return pickup, TimeWindow(
        pickup.earliest + pickup_service + direct_s, pickup.latest + pickup_service + max_ride
    )


def _not_before(window: TimeWindow, tick: int) -> TimeWindow:
    return TimeWindow(max(window.earliest, tick), max(window.latest, tick))


def _promise(day: Day, booking: Booking, window: TimeWindow) -> TimeWindow | None:
    """Give the promised window where it says more than the hard one."""
    if booking.promised_from is None or booking.promised_until is None:
        return None
    promise = TimeWindow(day.ticks_up(booking.promised_from), day.ticks(booking.promised_until))
    if promise.earliest > promise.latest:
        return None
    inside = promise.earliest <= window.earliest and window.latest <= promise.latest
    return None if inside else promise


def _after_outbound(
    day: Day,
    booking: Booking,
    request: Request,
    by_id: dict[int, Booking],
    found: Requests,
) -> Request | str:
    """Resolve "a return after its outbound" into the return's window, or say why it cannot be."""
    outbound = by_id.get(booking.outbound_id or 0)
    if outbound is None or not (
        outbound.pk in found.index or outbound.pk in found.elsewhere or outbound.status in _ENDED
    ):
        return request if _stands(booking) else OUTBOUND_NOT_SERVED
    free = _outbound_ends(day, outbound, found)
    if outbound.appointment_ends_at is not None and outbound.status not in _ENDED:
        free = max(free, day.ticks_up(outbound.appointment_ends_at))
    pickup = narrowed(request.pickup_window, earliest=free)
    if pickup is None:
        return request if booking.stands_alone else RETURN_BEFORE_OUTBOUND
    waits = outbound.pk in found.index and not (
        booking.stands_alone or outbound.status in UNDER_WAY
    )
    requires = found.index[outbound.pk] if waits else None
    return replace(request, pickup_window=pickup, requires=requires)


def _outbound_ends(day: Day, outbound: Booking, found: Requests) -> int:
    """Give the latest tick at which the client may leave the outbound."""
    current = day.current(outbound)
    if outbound.status in _ENDED:
        ended = outbound.actual_delivery_at or (current.ends_at if current else day.origin)
        return day.ticks_up(ended)
    if outbound.status in UNDER_WAY and current is not None:
        return day.ticks_up(max(current.ends_at, day.now))
    request = found.elsewhere.get(outbound.pk)
    if request is None:
        request = found.requests[found.index[outbound.pk]]
    return request.delivery_window.latest + request.delivery_service


def _stands(booking: Booking) -> bool:
    """A return whose outbound is not of this day: served alone, or because that one is served."""
    if booking.stands_alone:
        return True
    return booking.outbound_status in _ENDED | WITH_DRIVER  # type: ignore[attr-defined]
