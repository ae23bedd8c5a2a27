"""Bookings from a CSV file: good lines are kept, bad ones are told, and none is booked twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner, User
from atmr import clock
from atmr.errors import DomainError
from bookings.csvcells import Entry, read_entry
from bookings.csvfile import Line, LineError, Table, read
from bookings.models import Booking, Client
from bookings.services import booking as bookings
from bookings.services import trips
from bookings.services.lookups import CellRefused, KnownNames
from fleet.models import Place

Trip = list[Booking]  # the outbound, and the return if there is one
Ride = tuple[int, datetime, int, int]  # client, time, pickup, delivery

_LINES_AT_ONCE = 1000


@dataclass
class Report:
    """What became of the lines of a file."""

    lines: int = 0
    created: list[str] = field(default_factory=list)  # references, outbounds and returns
    already_there: list[tuple[int, str]] = field(default_factory=list)  # line, reference
    errors: list[LineError] = field(default_factory=list)
    clients: int = 0
    places: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def import_bookings(
    *,
    company: Company,
    content: bytes,
    actor: User | None,
    now: datetime,
    all_or_nothing: bool = False,
    windows_min: tuple[int, int] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _lines: None,
) -> Report:
    """Book the good lines of a file, in constant statements for every thousand; tell of the others.

    The bookings are pending, or accepted with the promise `windows_min` (before, after). With
    `all_or_nothing`, one bad line keeps all others from being booked. Doing it again books nothing
    twice: a line is already there when its partner's reference is, or else its client at that time
    between those places.

    :raises UnreadableFile, EmptyFile, ColumnsMissing, ColumnTwice: the file has no lines to read.
    """
    table = read(content)
    report = Report(lines=len(table.lines) + len(table.errors), ignored=table.ignored)
    report.errors.extend(table.errors)
    with transaction.atomic():
        bookings.check_at_once()
        # Two imports at once would not see each other's bookings: the second waits.
        Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        wanted = _Reading(company, table, now, report).trips(progress)
        report.errors.sort(key=lambda error: error.line)
        if report.errors and all_or_nothing:
            return report
        for start in range(0, len(wanted), _LINES_AT_ONCE):
            legs = [leg for trip in wanted[start : start + _LINES_AT_ONCE] for leg in trip]
            _store(company, legs, actor, now, report)
            if windows_min:
                bookings.accept_many(
                    company=company,
                    booking_ids=[leg.pk for leg in legs],
                    actor=actor,
                    now=now,
                    window_before_min=windows_min[0],
                    window_after_min=windows_min[1],
                )
    return report


class _Reading:
    """Turns the lines of a file into drafts, and tells of those that cannot be booked."""

    def __init__(self, company: Company, table: Table, now: datetime, report: Report) -> None:
        self.company = company
        self.table = table
        self.report = report
        self.this_year = clock.local_day(now, company.tz).year
        self.known = KnownNames(company)
        self.booked = _Booked(company)

    def trips(self, progress: Callable[[int, int], None]) -> list[Trip]:
        """Draft what the file asks for and is not there yet."""
        lines = self.table.lines
        wanted: list[Trip] = []
        for start in range(0, len(lines), _LINES_AT_ONCE):
            batch = lines[start : start + _LINES_AT_ONCE]
            drafts = [(line, trip) for line in batch if (trip := self._trip(line))]
            self.booked.load([trip[0] for _line, trip in drafts])
            wanted += [trip for line, trip in drafts if self._is_new(line, trip[0])]
            progress(start + len(batch), len(lines))
        return wanted

    def _trip(self, line: Line) -> Trip | None:
        entry = read_entry(line, self.table.headings, this_year=self.this_year)
        if isinstance(entry, list):
            self.report.errors.extend(entry)
            return None
        rows = self._rows(line, entry)
        try:
            return self._draft(entry, *rows) if rows else None
        except DomainError as exc:  # the clocks change between the times of the line
            self._refuse(line, CellRefused("return_time", str(exc)))
            return None

    def _rows(self, line: Line, entry: Entry) -> tuple[Client, Place, Place, Partner | None] | None:
        """Find the rows that a line names; tell of each that cannot be found."""
        try:
            client = self.known.client(entry)
        except CellRefused as refused:
            self._refuse(line, refused)
            return None
        places: list[Place] = []
        for column, cell in (("pickup", entry.pickup), ("delivery", entry.delivery)):
            try:
                places.append(self.known.place(column, cell, client))
            except CellRefused as refused:
                self._refuse(line, refused)
        try:
            partner = self.known.partner(entry.partner)
        except CellRefused as refused:
            self._refuse(line, refused)
            return None
        if len(places) == 2 and places[0] is places[1]:
            self._refuse(line, CellRefused("delivery", _("Pickup and delivery are two places.")))
        elif len(places) == 2:
            return client, places[0], places[1], partner
        return None

    def _draft(
        self, entry: Entry, client: Client, pickup: Place, delivery: Place, partner: Partner | None
    ) -> Trip:
        details: bookings.BookingDetails = {
            "partner": partner,
            "partner_reference": entry.partner_reference,
            "pickup_floor": entry.pickup_floor,
            "delivery_floor": entry.delivery_floor,
            "priority": entry.priority,
            "payer": entry.payer,
            "exclusive": entry.exclusive,
            "infectious": entry.infectious,
            "driver_notes": entry.driver_notes,
        }
        if entry.mobility:
            details["mobility"] = entry.mobility
        if entry.companions is not None:
            details["companions"] = entry.companions
        outbound = bookings.draft(
            company=self.company,
            client=client,
            pickup_place=pickup,
            delivery_place=delivery,
            requested_pickup_at=self._at(entry, entry.pickup_time),
            appointment_at=self._at(entry, entry.appointment_time),
            appointment_ends_at=self._at(entry, entry.appointment_end),
            **details,
        )
        if not entry.return_time and not entry.will_call:
            return [outbound]
        back_at = self._at(entry, entry.return_time)
        return [
            outbound,
            trips.draft_return(
                outbound=outbound, return_pickup_at=back_at, will_call=entry.will_call
            ),
        ]

    def _at(self, entry: Entry, wall: time | None) -> datetime | None:
        return clock.at(entry.day, wall, self.company.tz) if wall else None

    def _is_new(self, line: Line, outbound: Booking) -> bool:
        try:
            same = self.booked.find(outbound)
        except CellRefused as refused:
            self._refuse(line, refused)
            return False
        if same:
            self.report.already_there.append((line.number, same))
            return False
        self.booked.add(outbound, line.number)
        return True

    def _refuse(self, line: Line, refused: CellRefused) -> None:
        heading = self.table.headings.get(refused.column, refused.column)
        value = line.cells.get(refused.column, "")
        self.report.errors.append(LineError(line.number, heading, value, refused.message))


class _Booked:
    """What is booked already: in the database, by its reference; in the file, by its line."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.rides: dict[Ride, str] = {}
        self.references: dict[tuple[int | None, str], tuple[str, Ride | None]] = {}

    def load(self, drafts: list[Booking]) -> None:
        """Look for these in the database, in two statements."""
        stored = Booking.objects.for_company(self.company)
        given = {draft.partner_reference for draft in drafts} - {""}
        for partner, theirs, reference in stored.filter(partner_reference__in=given).values_list(
            "partner_id", "partner_reference", "reference"
        ):
            self.references.setdefault((partner, theirs), (reference, None))
        clients = {draft.client.pk for draft in drafts if draft.client.pk}
        rides = stored.filter(
            outbound=None,
            client__in=clients,
            scheduled_at__in={trips.starts(draft) for draft in drafts},
        )
        for client, at, pickup, delivery, reference in rides.values_list(
            "client_id", "scheduled_at", "pickup_place_id", "delivery_place_id", "reference"
        ):
            self.rides.setdefault((client, at, pickup, delivery), reference)

    def find(self, draft: Booking) -> str | None:
        """Give what books the same already, if anything does.

        :raises CellRefused: another line uses the partner's reference for another ride.
        """
        ride = _ride(draft)
        name, other = self.references.get(_reference(draft), ("", None))
        if draft.partner_reference and other is not None and other != ride:
            raise CellRefused("partner_reference", _("Another line uses this reference."))
        if draft.partner_reference and name:
            return name
        return self.rides.get(ride)

    def add(self, draft: Booking, line: int) -> None:
        name = gettext("line %(number)s") % {"number": line}
        self.rides[_ride(draft)] = name
        self.references[_reference(draft)] = (name, _ride(draft))


def _reference(draft: Booking) -> tuple[int | None, str]:
    return draft.partner_id, draft.partner_reference


def _ride(draft: Booking) -> Ride:
    client, pickup, delivery = (
        # What the file adds has no id yet; it stays one object for as long as the file is read.
        row.pk or -id(row)
        for row in (draft.client, draft.pickup_place, draft.delivery_place)
    )
    return client, trips.starts(draft), pickup, delivery


def _store(
    company: Company,
    legs: list[Booking],
    actor: User | None,
    now: datetime,
    report: Report,
) -> None:
    """Store drafts, and before them the clients and places that they add."""
    places = {id(place): place for leg in legs for place in (leg.pickup_place, leg.delivery_place)}
    new_places = [place for place in places.values() if place.pk is None]
    clients = {id(leg.client): leg.client for leg in legs if leg.client.pk is None}
    Place.objects.bulk_create(new_places)
    Client.objects.bulk_create(clients.values())
    report.places.extend(place.name for place in new_places)
    report.clients += len(clients)
    bookings.create_many(company=company, bookings=legs, actor=actor, now=now)
    report.created.extend(leg.reference for leg in legs)
