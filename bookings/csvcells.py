"""The cells of a CSV file made by people: days, times, numbers and choices as they are written."""

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from typing import TypeVar

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from atmr import geo
from bookings.csvfile import Line, LineError, plain
from bookings.models import Mobility, Payer, Priority

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=TextChoices)


class BadCell(ValueError):
    """A cell does not say what its column asks for; the argument says what would."""

    def __init__(self, accepted: str | Promise) -> None:
        super().__init__(accepted)
        self.accepted = accepted


def parse_day(text: str, *, this_year: int, born: bool = False) -> date:
    """Read 31.12.2026, 31.12.26, 31/12/2026 or 2026-12-31, with the midnight that Excel adds.

    Two figures of a year mean this century, or the last one for somebody `born` in the future.
    """
    text = re.sub(r"[ T]00:00(:00)?$", "", text)
    if iso := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
        year, month, day = map(int, iso.groups())
    elif swiss := re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})", text):
        day, month, year = int(swiss[1]), int(swiss[3]), int(swiss[4])
        if len(swiss[4]) == 2:
            year += 1900 if born and 2000 + year > this_year else 2000
    else:
        raise BadCell(_("Write the date as 31.12.2026 or 2026-12-31."))
    try:
        found = date(year, month, day)
    except ValueError as exc:
        raise BadCell(_("The calendar has no such day.")) from exc
    first, last = (1900, this_year) if born else (2000, this_year + 10)
    if not first <= found.year <= last:
        raise BadCell(_("Look at the year."))
    return found


def parse_time(text: str) -> time:
    """Read 7:30, 07:30, 07:30:00, 7.30, 7h30 or 7h."""
    written = re.fullmatch(r"(\d{1,2})\s?[:.hH]\s?(\d{2})(:00)?(\s?(Uhr|h))?", text)
    hour_only = re.fullmatch(r"(\d{1,2})\s?(h|H|Uhr)", text)
    if written:
        hour, minute = int(written[1]), int(written[2])
    elif hour_only:
        hour, minute = int(hour_only[1]), 0
    else:
        raise BadCell(_("Write the time as 07:30 or 7h30."))
    if (hour, minute) == (24, 0):
        raise BadCell(_("A day ends at 23:59: write 00:00 and the date of the next day."))
    if hour > 23 or minute > 59:
        raise BadCell(_("The clock has no such time: write 00:00 to 23:59."))
    return time(hour, minute)


def parse_lat(text: str) -> float:
    return _degrees(text, geo.is_lat, _("Write the latitude in degrees, such as 46.2044."))


def parse_lon(text: str) -> float:
    return _degrees(text, geo.is_lon, _("Write the longitude in degrees, such as 6.1432."))


def _degrees(text: str, allowed: Callable[[float], bool], accepted: str | Promise) -> float:
    written = re.fullmatch(r"([+-]?\d{1,3})(?:[.,](\d+))?\s?°?", text)
    value = float(f"{written[1]}.{written[2] or 0}") if written else math.nan
    if not allowed(value):
        raise BadCell(accepted)
    return value


def parse_companions(text: str) -> int:
    if text not in set("012345678"):
        raise BadCell(_("Write a number from 0 to 8."))
    return int(text)


def parse_yes(text: str) -> bool:
    word = plain(text)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise BadCell(_("Write yes or no."))


def parse_choice(words: dict[Choice, str]) -> Callable[[str], Choice]:
    """Give a reader of a choice that may be written in any of its words."""
    values = {plain(value): value for value in words}
    for value, others in words.items():
        values |= {plain(word): value for word in others.split(",")}

    def parse(text: str) -> Choice:
        if plain(text) not in values:
            accepted = ", ".join(words)
            raise BadCell(_("Write one of: %(values)s.") % {"values": accepted})
        return values[plain(text)]

    return parse


_YES = {"oui", "ja", "yes", "si", "x", "1", "vrai", "wahr", "true", "o", "j", "y"}
_NO = {"non", "nein", "no", "0", "faux", "falsch", "false", "n"}
WILL_CALL = {
    plain(word)
    for word in (
        "will call", "will-call", "on call", "sur appel", "appel", "à rappeler", "sur demande",
        "auf abruf", "abruf", "auf anruf",
    )
}  # fmt: skip
HOME = {plain(word) for word in ("home", "domicile", "à domicile", "maison", "zuhause", "daheim")}

parse_mobility = parse_choice(
    {
        Mobility.WALKS: "walking, marche, à pied, assis, valide, marchant, gehend, geht, zu fuss",
        Mobility.FOLDING_WHEELCHAIR: "fauteuil pliant, fauteuil pliable, chaise pliante,"
        " faltrollstuhl, transfert",
        Mobility.WHEELCHAIR: "fauteuil, fauteuil roulant, chaise roulante, fauteuil électrique,"
        " fauteuil rigide, rollstuhl, elektrorollstuhl, electric wheelchair",
        Mobility.STRETCHER: "civière, brancard, couché, liegend, liege, tragbahre, trage",
    }
)
parse_priority = parse_choice(
    {
        Priority.NORMAL: "normale, standard, régulier",
        Priority.MEDICAL: "médical, médicale, medizinisch",
        Priority.URGENT: "urgente, dringend, eilig",
        Priority.EMERGENCY: "urgence, urgence vitale, notfall",
    }
)
parse_payer = parse_choice(
    {
        Payer.CLIENT: "patient, privé, privat, kunde",
        Payer.PARTNER: "partenaire, institution, clinique, mandant, auftraggeber",
        Payer.INSURER: "assurance, assureur, caisse, versicherung, krankenkasse, ai, iv",
    }
)


@dataclass(frozen=True)
class PlaceCell:
    """A place as written: a name, and perhaps where it is."""

    name: str
    lat: float | None
    lon: float | None


@dataclass(frozen=True)
class Entry:
    """A line of the file whose cells all say what their columns ask for."""

    line: int
    client: str
    birth_day: date | None
    phone: str
    mobility: Mobility | None
    companions: int | None
    day: date
    pickup_time: time | None
    appointment_time: time | None
    appointment_end: time | None
    return_time: time | None
    will_call: bool
    pickup: PlaceCell
    delivery: PlaceCell
    pickup_floor: str
    delivery_floor: str
    partner: str
    partner_reference: str
    priority: Priority
    payer: Payer
    exclusive: bool
    infectious: bool
    driver_notes: str


class LineReader:
    """Reads the cells of one line, and collects what is wrong with each."""

    def __init__(self, line: Line, headings: dict[str, str]) -> None:
        self.line = line
        self.headings = headings
        self.errors: list[LineError] = []

    def refuse(self, column: str, message: str | Promise) -> None:
        heading = self.headings.get(column, column)
        value = self.line.cells.get(column, "")
        self.errors.append(LineError(self.line.number, heading, value, message))

    def value(self, column: str, parse: Callable[[str], Value], empty: Value) -> Value:
        """Give what a cell says, or `empty` when it says nothing, or nothing that can be read."""
        text = self.line.cells.get(column, "")
        if not text:
            return empty
        try:
            return parse(text)
        except BadCell as exc:
            self.refuse(column, exc.accepted)
            return empty

    def text(self, column: str, *, at_most: int, required: bool = False) -> str:
        text = " ".join(self.line.cells.get(column, "").split())
        if required and not text:
            self.refuse(column, _("This cell must not be empty."))
        if len(text) > at_most:
            self.refuse(column, _("Write at most %(count)s characters.") % {"count": at_most})
        return text

    def client(self) -> str:
        first_name = self.text("first_name", at_most=120)
        name = f"{first_name} {self.text('client', at_most=120, required=True)}".strip()
        if len(name) > 120:
            self.refuse("client", _("Write at most %(count)s characters.") % {"count": 120})
        return name

    def place(self, column: str) -> PlaceCell:
        name = self.text(column, at_most=160, required=True)
        lat = self.value(f"{column}_lat", parse_lat, None)
        lon = self.value(f"{column}_lon", parse_lon, None)
        written = [bool(self.line.cells.get(f"{column}_{axis}")) for axis in ("lat", "lon")]
        if any(written) and not all(written):
            alone = f"{column}_lat" if written[0] else f"{column}_lon"
            self.refuse(alone, _("Give both the latitude and the longitude, or neither."))
        return PlaceCell(name, lat, lon)

    def will_call(self) -> bool:
        return plain(self.line.cells.get("return_time", "")) in WILL_CALL

    def day(self, *, this_year: int) -> date:
        day = self.value("day", lambda text: parse_day(text, this_year=this_year), None)
        if day is None and not self.line.cells.get("day"):
            self.refuse("day", _("This cell must not be empty."))
        return day or date.min

    def times(self) -> dict[str, time | None]:
        """Give the times of the line, in the order in which they must follow each other."""
        times = {
            column: self.value(column, parse_time, None)
            for column in ("pickup_time", "appointment_time", "appointment_end", "return_time")
            if column != "return_time" or not self.will_call()
        }
        if not any(self.line.cells.get(column) for column in ("pickup_time", "appointment_time")):
            column = "pickup_time" if "pickup_time" in self.headings else "appointment_time"
            self.refuse(column, _("Give the time of the pickup or of the appointment."))
        if times["appointment_end"] and not self.line.cells.get("appointment_time"):
            self.refuse("appointment_end", _("Give the time of the appointment too."))
        given = [(column, at) for column, at in times.items() if at]
        for (_before, earlier), (column, later) in itertools.pairwise(given):
            if later < earlier:
                self.refuse(column, _("This is before the time that it should follow."))
        return times


def read_entry(line: Line, headings: dict[str, str], *, this_year: int) -> Entry | list[LineError]:
    """Read a line: what it asks for, or everything that is wrong with it."""
    cells = LineReader(line, headings)
    times = cells.times()
    entry = Entry(
        line=line.number,
        client=cells.client(),
        birth_day=cells.value(
            "birth_day", lambda text: parse_day(text, this_year=this_year, born=True), None
        ),
        phone=cells.text("phone", at_most=32),
        mobility=cells.value("mobility", parse_mobility, None),
        companions=cells.value("companions", parse_companions, None),
        day=cells.day(this_year=this_year),
        pickup_time=times["pickup_time"],
        appointment_time=times["appointment_time"],
        appointment_end=times["appointment_end"],
        return_time=times.get("return_time"),
        will_call=cells.will_call(),
        pickup=cells.place("pickup"),
        delivery=cells.place("delivery"),
        pickup_floor=cells.text("pickup_floor", at_most=20),
        delivery_floor=cells.text("delivery_floor", at_most=20),
        partner=cells.text("partner", at_most=120),
        partner_reference=cells.text("partner_reference", at_most=64),
        priority=cells.value("priority", parse_priority, Priority.NORMAL),
        payer=cells.value("payer", parse_payer, Payer.CLIENT),
        exclusive=cells.value("exclusive", parse_yes, empty=False),
        infectious=cells.value("infectious", parse_yes, empty=False),
        driver_notes=cells.text("driver_notes", at_most=1000),
    )
    return cells.errors or entry
