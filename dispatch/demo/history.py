"""Years of invented days for several companies, written by COPY."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db import connection

from dispatch.demo import history_clearing
from dispatch.demo.history_cast import Cast, ensure_companies, make_cast
from dispatch.demo.history_days import DayInventor
from dispatch.demo.history_lines import COLUMNS, Lines, Stamps
from dispatch.demo.history_quiet import quiet

# References that the program gives have no hyphen, so the two never meet.
PREFIX = "H-"
# So many bookings are held in memory and written in one transaction.
BATCH = 10_000
# Older positions would have been pruned.
POSITION_DAYS = 30

Progress = Callable[[int, int], None]


@dataclass
class History:
    """What was written, by table, and how long it took."""

    companies: list[str]
    first_day: date
    last_day: date
    rows: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    clear_s: float = 0
    write_s: float = 0
    analyze_s: float = 0

    @property
    def rows_per_s(self) -> float:
        return self.rows.total() / self.write_s if self.write_s else 0


@dataclass(frozen=True)
class _Span:
    """What every day of a history is invented with."""

    stamps: Stamps
    last_day: date
    bookings_per_day: int
    seed: int


def seed_history(
    *,
    last_day: date,
    days: int,
    companies: int,
    bookings_per_day: int,
    seed: int,
    progress: Progress | None = None,
) -> History:
    """Fill `days` days up to `last_day` for the companies history-1 to history-N, made anew.

    Each batch of days is a transaction: what reads goes on, what writes waits for a batch at most,
    and whoever stops it halfway runs it again.

    :raises CompanyTaken: such a company exists and is somebody's.
    :raises NotOfTheHistory: somebody entered bookings in one.
    :raises NotTheOwner, TablesBusy: see `quiet`.
    """
    first_day = last_day - timedelta(days=days - 1)
    made = ensure_companies(companies)
    found = History([company.slug for company in made], first_day, last_day)
    begun = time.monotonic()
    for company in made:
        found.replaced += history_clearing.clear(company, PREFIX)
    found.clear_s = time.monotonic() - begun
    begun = time.monotonic()
    casts = [
        make_cast(
            company=company,
            number=number,
            bookings_per_day=bookings_per_day,
            first_day=first_day,
            seed=seed,
        )
        for number, company in enumerate(made, start=1)
    ]
    for cast in casts:
        found.rows.update(cast.written)
    span = _Span(Stamps(first_day, last_day), last_day, bookings_per_day, seed)
    for done, batch in _batches(first_day, last_day, bookings_per_day):
        for cast in casts:
            found.rows.update(_write(cast, batch, span))
        if progress is not None:
            progress(done, days)
    found.write_s = time.monotonic() - begun
    begun = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join([*casts[0].written, *COLUMNS])}")
    found.analyze_s = time.monotonic() - begun
    return found


def _batches(first: date, last: date, bookings_per_day: int) -> Iterator[tuple[int, list[date]]]:
    """Give the days in batches, each with how many are done after it."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    size = max(1, BATCH // bookings_per_day)
    for start in range(0, len(days), size):
        batch = days[start : start + size]
        yield start + len(batch), batch


def _write(cast: Cast, days: Sequence[date], span: _Span) -> Counter[str]:
    inventors = [
        DayInventor(cast, day, span.seed, span.stamps, bookings_per_day=span.bookings_per_day)
        for day in days
    ]
    lines = Lines()
    with quiet():
        shifts = _ids("fleet_shift", sum(day.duties for day in inventors))
        runs = _ids("dispatch_dispatchrun", 3 * len(inventors))
        bookings = _ids("bookings_booking", sum(day.number for day in inventors))
        for inventor in inventors:
            recent = (span.last_day - inventor.day).days < POSITION_DAYS
            inventor.write(
                lines, shifts=shifts, runs=runs, bookings=bookings, with_positions=recent
            )
        return Counter({table: _copy(table, lines.of(table)) for table in COLUMNS})


def _ids(table: str, count: int) -> Iterator[int]:
    """Take ids from the table's own sequence, so that it is set whoever else takes some."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [table, count],
        )
        return iter(sorted(number for (number,) in cursor.fetchall()))


def _copy(table: str, lines: Sequence[str]) -> int:
    columns = ", ".join(COLUMNS[table])
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        for start in range(0, len(lines), 500):
            copy.write("\n".join(lines[start : start + 500]) + "\n")
    return len(lines)
