"""Wall clocks and days in a company's time zone, on days of 23 and 25 hours too."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Give the day that the calendar on the wall shows at `instant`.

    :raises ValueError: `instant` is naive.
    """
    if instant.utcoffset() is None:
        raise ValueError(f"{instant} is no instant: it has no time zone.")
    return instant.astimezone(zone).date()


def at(day: date, wall_time: time, zone: ZoneInfo) -> datetime:
    """Give the instant, in UTC, at which the clock on the wall shows `wall_time`.

    A wall time that does not exist moves forward by the gap; one that exists twice is the first.
    """
    # With fold 0, Python reads a missing time with the offset before the gap. The answer is in
    # UTC because two times of one local zone subtract as wall clocks: 24 hours on every day.
    return datetime.combine(day, wall_time.replace(fold=0), zone).astimezone(UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give the first instant of `day` and the first that is no longer in it, in UTC."""
    return at(day, time.min, zone), at(day + timedelta(days=1), time.min, zone)
