"""CSV files made by people: their encodings, separators and headings."""

import itertools
import re
import unicodedata
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from atmr import sheets
from atmr.errors import DomainError
from atmr.sheets import EmptyFile, Unreadable

# What a column may be called, in French, German and English: case, accents and signs do not count.
HEADINGS = {
    "client": "client, client name, nom, nom du client, nom et prénom, nom prénom, patient,"
    " bénéficiaire, passager, name, kunde, klient, fahrgast, patientin",
    "first_name": "first name, prénom, vorname",
    "birth_day": "birth date, birth day, date of birth, date de naissance, naissance, né le,"
    " geburtsdatum, geboren",
    "phone": "phone, telephone, téléphone, tél, tel, natel, mobile, telefon",
    "mobility": "mobility, mobilité, mode, mobilität",
    "companions": "companions, accompagnants, accompagnateurs, begleitpersonen, begleitung",
    "day": "day, date, jour, date du transport, datum, tag",
    "pickup_time": "pickup time, time, pickup at, heure, heure de départ, heure départ,"
    " heure de prise en charge, prise en charge à, abholzeit, zeit, uhrzeit",
    "appointment_time": "appointment time, appointment, arrive by, rendez-vous, rdv, heure rdv,"
    " heure du rdv, heure de rendez-vous, heure du rendez-vous, heure d'arrivée, termin,"
    " terminzeit, ankunftszeit",
    "appointment_end": "appointment end, end of appointment, fin, fin du rendez-vous, fin rdv,"
    " fin du rdv, terminende, ende",
    "return_time": "return time, return, return at, retour, heure de retour, heure retour,"
    " rückfahrt, rückfahrt um, rückfahrtzeit, retour um",
    "pickup": "pickup, pickup place, from, départ, lieu de départ, adresse de départ,"
    " lieu de prise en charge, prise en charge, de, von, abholort, start",
    "pickup_floor": "pickup floor, étage, étage départ, stockwerk, stock",
    "delivery": "delivery, delivery place, to, destination, arrivée, lieu d'arrivée,"
    " adresse d'arrivée, à, nach, ziel, zielort",
    "delivery_floor": "delivery floor, étage arrivée, étage destination, stockwerk ziel",
    "partner": "partner, partenaire, institution, mandant, auftraggeber",
    "partner_reference": "partner reference, reference, ref, your reference, référence, réf,"
    " référence partenaire, no de commande, referenz, auftragsnummer, ihre referenz",
    "priority": "priority, priorité, urgence, priorität, dringlichkeit",
    "payer": "payer, payeur, facturation, kostenträger, zahler",
    "exclusive": "exclusive, alone, seul, exclusif, allein",
    "infectious": "infectious, infectieux, contagieux, infektiös, ansteckend",
    "driver_notes": "driver notes, notes, remarks, remarques, remarque, notes chauffeur,"
    " bemerkungen, bemerkung, hinweise",
}
REQUIRED = ("client", "day", "pickup", "delivery")


class ColumnsMissing(DomainError):
    message = _("The file has no column for: %(missing)s. Its first line names the columns.")


class ColumnTwice(DomainError):
    message = _("Two columns say the same: %(first)s and %(second)s. Keep one of them.")


@dataclass(frozen=True)
class LineError:
    """Why a line of the file was left out: where, what it said, and what would be accepted."""

    line: int
    column: str
    value: str
    message: str | Promise


@dataclass(frozen=True)
class Line:
    """A line of the file: its number, and its cells by the names of our columns."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A file as read: its lines, those that are broken, and its headings by our names."""

    lines: list[Line]
    errors: list[LineError]
    headings: dict[str, str]
    ignored: list[str]


def plain(text: str) -> str:
    """Give a text without case, accents and signs, for comparing what people write."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", kept))


_AXES = {
    "lat": "lat, latitude, breite, breitengrad",
    "lon": "lon, lng, long, longitude, länge, längengrad",
}


def _heading_columns() -> dict[str, str]:
    columns = {
        plain(name): column
        for column, names in HEADINGS.items()
        for name in [column, *names.split(",")]
    }
    for end in ("pickup", "delivery"):
        names = [name for name, column in columns.items() if column == end]
        for axis, words in _AXES.items():
            for word, name in itertools.product(map(plain, words.split(",")), names):
                for heading in (f"{word} {name}", f"{name} {word}"):
                    columns.setdefault(heading, f"{end}_{axis}")
                for of in ("de", "du", "d"):
                    columns.setdefault(f"{word} {of} {name}", f"{end}_{axis}")
    return columns


_COLUMN_OF = _heading_columns()


def read(content: bytes) -> Table:
    """Read a file: any usual encoding and separator, headings in three languages.

    :raises UnreadableFile, UnreadableWorkbook, FileTooLarge: it is nothing that can be read.
    :raises ColumnsMissing, ColumnTwice: its headings do not say what is needed, or say it twice.
    :raises EmptyFile: there is nothing below the headings.
    """
    sheet = sheets.read(content, known=lambda name: plain(name) in _COLUMN_OF)
    first = sheet.headings
    columns = [_COLUMN_OF.get(plain(heading)) for heading in first]
    headings = _headings(first, columns)
    lines: list[Line] = []
    errors: list[LineError] = []
    for number, cells in sheet.rows:
        if isinstance(cells, str):
            errors.append(LineError(number, "", cells, BROKEN))
        elif any(cell.strip() for cell in cells[len(columns) :]):
            extra = sheet.separator.join(cells[len(columns) :])
            errors.append(LineError(number, "", extra, TOO_MANY))
        elif unreadable := _unreadable(number, first, cells):
            errors.extend(unreadable)
        elif any(cell.strip() for cell in cells):
            named = zip(columns, cells, strict=False)
            values = {column: sheets.unguarded(cell).strip() for column, cell in named if column}
            lines.append(Line(number, values))
    if not lines and not errors:
        raise EmptyFile
    ignored = [
        heading for heading, column in zip(first, columns, strict=True) if heading and not column
    ]
    return Table(lines, errors, headings, ignored)


BROKEN = _("A quotation mark is opened and not closed, or closed too early; lines are lost.")
TOO_MANY = _("There are more cells than headings. Put a cell with a separator in quotation marks.")


def _unreadable(number: int, headings: list[str], cells: list[str]) -> list[LineError]:
    if not any(cell.strip() for cell in cells):
        return []  # an empty line, merged or not
    return [
        LineError(number, heading, str(cell), cell.why)
        for heading, cell in zip(headings, cells, strict=False)
        if heading and isinstance(cell, Unreadable)
    ]


def _headings(first: list[str], columns: list[str | None]) -> dict[str, str]:
    headings: dict[str, str] = {}
    for heading, column in zip(first, columns, strict=True):
        if column in headings:
            raise ColumnTwice(first=headings[column], second=heading.strip())
        if column:
            headings[column] = heading.strip()
    missing = [column for column in REQUIRED if column not in headings]
    if not {"pickup_time", "appointment_time"} & headings.keys():
        missing.append("pickup_time")
    if missing:
        raise ColumnsMissing(missing=", ".join(missing))
    return headings
