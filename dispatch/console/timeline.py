"""Where the hours of a day lie on the screen, in per cent of its width."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Span:
    """A stretch of the axis, as the values of the style attribute."""

    left: str
    width: str


@dataclass(frozen=True)
class Axis:
    """The hours shown, from one full hour to another."""

    starts_at: datetime
    ends_at: datetime

    def span(self, starts_at: datetime, ends_at: datetime) -> Span:
        """Place a stretch of time; what lies beyond the axis is cut off."""
        left, right = self._share(starts_at), self._share(ends_at)
        return Span(f"{left:.3f}", f"{right - left:.3f}")

    def _share(self, at: datetime) -> float:
        share = (at - self.starts_at) / (self.ends_at - self.starts_at)
        return 100 * min(max(share, 0.0), 1.0)

    def hours(self) -> Iterator[tuple[datetime, str]]:
        """Give the hours that are marked, not more than fit side by side, and where they lie."""
        step = HOUR if self.ends_at - self.starts_at <= 14 * HOUR else 2 * HOUR
        at = self.starts_at
        while at < self.ends_at:
            yield at, self.span(at, at).left
            at += step


def axis_around(
    spans: Iterable[tuple[datetime, datetime]],
    *,
    bounds: tuple[datetime, datetime],
    zone: ZoneInfo,
) -> Axis:
    """Cover the stretches of time that reach into a day, from its start; night work to its end."""
    clipped = [(max(start, bounds[0]), end) for start, end in spans]
    if not clipped:
        return Axis(bounds[0] + 6 * HOUR, bounds[0] + 20 * HOUR)
    first, last = min(start for start, _ in clipped), max(end for _, end in clipped)
    return Axis(_full_hour(first, zone), _full_hour(last + HOUR - timedelta(seconds=1), zone))


def _full_hour(at: datetime, zone: ZoneInfo) -> datetime:
    local = at.astimezone(zone)
    return at - timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )
