"""Rows of the past as lines of text, the way COPY reads them.

Times are whole seconds since `Stamps.epoch`; everything invented is free of tabs and backslashes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

NULL = "\\N"
DAY_S = 86_400

# By table in the order in which the rows of one may point at those of another.
COLUMNS: dict[str, tuple[str, ...]] = {
    "fleet_shift": (
        "id", "starts_at", "ends_at", "break_min", "break_from_at", "break_until_at", "status",
        "version", "company_id", "driver_id", "vehicle_id", "start_place_id", "end_place_id",
        "reference",
    ),
    "fleet_absence": ("driver_id", "kind", "starts_at", "ends_at", "note"),
    "fleet_position": ("shift_id", "at", "lat", "lon"),
    "dispatch_dispatchrun": (
        "id", "company_id", "day", "trigger", "state", "started_by_id", "settings", "seed",
        "sources", "travel_source", "bookings", "assigned", "cost", "timings", "started_at",
        "finished_at", "applied_at",
    ),
    "bookings_booking": (
        "id", "reference", "partner_reference", "anchor", "requested_pickup_at", "appointment_at",
        "appointment_ends_at", "promised_from", "promised_until", "will_call", "time_confirmed",
        "priority", "mobility", "companions", "payer", "created_at", "company_id", "client_id",
        "partner_id", "pickup_place_id", "pickup_floor", "delivery_place_id", "delivery_floor",
        "outbound_id", "stands_alone", "skills", "equipment", "exclusive", "infectious",
        "pickup_contact", "delivery_contact", "driver_notes", "dispatcher_notes",
        "status", "cancel_reason", "actual_pickup_at", "actual_delivery_at", "version",
    ),
    "bookings_bookinghistory": (),
    "bookings_bookingevent": (
        "booking_id", "company_id", "from_status", "to_status", "actor_id", "reason",
        "happened_at", "recorded_at",
    ),
    "dispatch_assignment": (
        "company_id", "booking_id", "driver_id", "shift_id", "layout_id", "dispatch_run_id",
        "ended_by_run_id", "status", "sequence", "pickup_at", "delivery_at", "ends_at", "lock",
        "pool", "explanation", "version", "created_at",
    ),
    "dispatch_outbox": (
        "company_id", "run_id", "kind", "audience", "booking_id", "partner_id", "driver_id",
        "details", "created_at",
    ),
    "dispatch_unassigned": ("run_id", "booking_id", "reason", "nearest_fix"),
    "dispatch_alert": (
        "company_id", "kind", "booking_id", "details", "raised_at", "resolved_at",
    ),
}  # fmt: skip
# What the past of a booking keeps is the booking without what follows from its moves.
MOVED = 5
COLUMNS["bookings_bookinghistory"] = (
    "pgh_created_at", "pgh_label", "pgh_obj_id", *COLUMNS["bookings_booking"][:-MOVED],
)  # fmt: skip


class Stamps:
    """Instants as text, quickly: a table of the days and one of the seconds of a day."""

    def __init__(self, first_day: date, last_day: date) -> None:
        first = first_day - timedelta(days=60)
        self.epoch = datetime(first.year, first.month, first.day, tzinfo=UTC)
        days = (last_day - first).days + 3
        self._days = [(first + timedelta(days=n)).isoformat() for n in range(days)]
        self._times = [f" {s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}+00" for s in range(DAY_S)]

    def seconds(self, at: datetime) -> int:
        return int((at - self.epoch).total_seconds())

    def __call__(self, seconds: int) -> str:
        day, rest = divmod(seconds, DAY_S)
        return self._days[day] + self._times[rest]


@dataclass
class Lines:
    """What is to be copied, by table; events with their instant, to be put in order."""

    by_table: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    events: list[tuple[int, str]] = field(default_factory=list)

    def add(self, table: str, values: Iterable[object]) -> None:
        self.by_table[table].append("\t".join(map(str, values)))

    def of(self, table: str) -> Sequence[str]:
        if table == "bookings_bookingevent":
            self.events.sort(key=lambda event: event[0])
            return [line for _, line in self.events]
        return self.by_table[table]
