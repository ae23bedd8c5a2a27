"""What a plan changes, and the versions of the rows it was made from."""

from dataclasses import dataclass, field

from dispatch.models import Assignment


@dataclass(frozen=True)
class Change:
    """What a run does to one booking: from the assignment it has to another, or to none."""

    booking_id: int
    current: Assignment | None
    row: Assignment | None

    @property
    def shift_ids(self) -> set[int]:
        rows = (self.current, self.row)
        return {row.shift_id for row in rows if row is not None}


@dataclass
class Versions:
    """Versions of bookings and shifts, as read or as locked."""

    bookings: dict[int, int] = field(default_factory=dict)
    shifts: dict[int, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, dict[int, int]]:
        return {"bookings": self.bookings, "shifts": self.shifts}

    @classmethod
    def of_json(cls, stored: dict[str, dict[str, int]]) -> "Versions":
        return cls(
            *(
                {int(pk): version for pk, version in stored.get(name, {}).items()}
                for name in ("bookings", "shifts")
            )
        )
