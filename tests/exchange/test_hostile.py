"""Files as spreadsheets and strangers make them: every bad line is told, nothing is half done."""

import io
import json
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from atmr import sheets
from atmr.errors import DomainError
from atmr.statements import is_control
from bookings.csvfile import ColumnsMissing, ColumnTwice
from bookings.models import Booking, Client
from dispatch.services.duty import record_absence
from exchange.services import exporting
from fleet.models import AbsenceKind, Driver, DriverDocument, GeoOrigin, Place, Shift, Vehicle
from tests.exchange.files import DOCS, NOW, bring, take, told, workbook
from tests.factories import (
    DAY,
    AssignmentFactory,
    BookingFactory,
    ClientFactory,
    CompanyFactory,
    DriverDocumentFactory,
    DriverFactory,
    PartnerFactory,
    PlaceFactory,
    ShiftFactory,
    VehicleFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

PLACES = "Réf.;Nom;Latitude;Longitude"
KINDS_OF_PLACES = (
    "Write one of: Hospital, Clinic, Dialysis centre, Practice, Nursing home, Home, Base, Other."
)
ODD = "Anna Exemple;GE 1;1.3.2027;00:15;00:45;Dépôt"
SHIFTS = "Chauffeur;Véhicule;Date;Début;Fin;Base"


@pytest.fixture
def company():
    return CompanyFactory(slug="acme")


@pytest.fixture
def crew(company):
    PlaceFactory(company=company, name="Dépôt", kind="base")
    DriverFactory(company=company, name="Anna Exemple")
    VehicleFactory(company=company, plate="GE 1")
    return company


def messages(outcome):
    return [message for *_where, message in told(outcome)]


# --- Text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_usual_encodings_and_separators_are_read(company, encoding, separator):
    text = f'{PLACES}\r\nP-1;"Hôpital, à côté";"46.2";"6.14"\r\n'.replace(";", separator)

    outcome = bring("places", company, text.encode(encoding))

    assert told(outcome) == []
    assert Place.objects.get().name == "Hôpital, à côté"


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", sheets.EmptyFile),
        (b"\n;;;\n", sheets.EmptyFile),
        (PLACES.encode(), sheets.EmptyFile),
        (b"PK\x03\x04broken", sheets.UnreadableWorkbook),
        (b"\xd0\xcf\x11\xe0 an old workbook", sheets.UnreadableWorkbook),
        (b"a\0\0\0b" * 99, sheets.UnreadableFile),
        (b"a" * (sheets.MOST_BYTES + 1), sheets.FileTooLarge),
        (b"Nom;Latitude\nx;1\n", ColumnsMissing),
        (b"Nom;Latitude;Longitude;Name\nx;1;2;y\n", ColumnTwice),
        (b"Nom;Latitude;Longitude;Nom\nx;1;2;y\n", ColumnTwice),
    ],
)
def test_what_is_no_such_file_is_refused_as_a_whole(company, content, refusal):
    with pytest.raises(refusal):
        bring("places", company, content)


def test_every_bad_line_is_told_and_none_is_stored(company):
    outcome = bring(
        "places",
        company,
        [
            PLACES + ";Type;Service",
            "P-1;Gare;46.2;6.1;autre;5",
            "",
            "P-2;;91;6.1;château;5",
            "P-3;Clinique;46.2;6.1;clinique;121",
            "P-4;Trop;46.2;6.1;autre;5;encore",
            "P-1;Autre;46.2;6.1;autre;5",
        ],
    )

    assert told(outcome) == [
        (4, "Nom", "", "This cell must not be empty."),
        (4, "Latitude", "91", "Write the latitude in degrees, such as 46.2044."),
        (
            4,
            "Type",
            "château",
            KINDS_OF_PLACES,
        ),
        (5, "Service", "121", "Write a whole number from 0 to 120."),
        (
            6,
            "",
            "encore",
            "There are more cells than headings. Put a cell with a separator in quotation marks.",
        ),
        (7, "Réf.", "P-1", "Line 2 speaks about the same row."),
    ]
    assert not outcome.applied
    assert Place.objects.count() == 0


def test_a_quotation_mark_that_never_closes_is_told(company):
    outcome = bring("places", company, [PLACES, "P-1;Gare;46.2;6.1", 'P-2;"Clinique;46.2;6.1'])

    assert [error.line for error in outcome.errors] == [3]
    assert Place.objects.count() == 0


def test_a_cell_below_no_heading_is_told(company):
    outcome = bring("places", company, ["Nom;;Latitude;Longitude", "Gare;verloren;46.2;6.1"])

    assert told(outcome)[0][:3] == (2, "", "verloren")


# --- Days and times -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("Anna Exemple;GE 1;31.04.2026;7:00;9:00;Dépôt", "Date", "The calendar has no such day."),
        ("Anna Exemple;GE 1;29.02.2027;7:00;9:00;Dépôt", "Date", "The calendar has no such day."),
        (
            "Anna Exemple;GE 1;46457;7:00;9:00;Dépôt",
            "Date",
            "This is how a spreadsheet counts days: format the cell as a date.",
        ),
        (
            "Anna Exemple;GE 1;11.3.2027;7:00;24:00;Dépôt",
            "Fin",
            "A day ends at 23:59: write 00:00 and the date of the next day.",
        ),
        (
            "Anna Exemple;GE 1;11.3.2027;0.291666;9:00;Dépôt",
            "Début",
            "This is how a spreadsheet counts hours: format the cell as a time.",
        ),
        (
            "Anna Exempel;GE 1;11.3.2027;7:00;9:00;Dépôt",
            "Chauffeur",
            "This name is not known. Did you mean: Anna Exemple?",
        ),
        ("Anna Exemple;GE 9;11.3.2027;7:00;9:00;Dépôt", "Véhicule", "This name is not known."),
    ],
)
def test_a_bad_cell_says_what_is_accepted(crew, line, column, message):
    outcome = bring("shifts", crew, [SHIFTS, line])

    assert [(error.column, str(error.message)[: len(message)]) for error in outcome.errors] == [
        (column, message)
    ]
    assert Shift.objects.count() == 0


@pytest.mark.parametrize(
    ("day", "start", "end", "expected"),
    [
        # 02:30 does not exist on 28 March, and exists twice on 31 October: the first is meant.
        ("28.03.2027", "02:30", "04:00", ((1, 30), (2, 0))),
        ("31.10.2027", "02:30", "04:00", ((0, 30), (3, 0))),
        ("31.10.2027", "02:30+01:00", "04:00", ((1, 30), (3, 0))),
        ("31.10.2027", "02:30", "02:10+01:00", ((0, 30), (1, 10))),
    ],
)
def test_times_on_the_days_on_which_the_clocks_change(crew, day, start, end, expected):
    line = f"Anna Exemple;GE 1;{day};{start};{end};Dépôt"

    assert told(bring("shifts", crew, [SHIFTS, line])) == []

    shift = Shift.objects.get()
    found = [at.astimezone(UTC).timetuple()[3:5] for at in (shift.starts_at, shift.ends_at)]
    assert tuple(found) == expected
    again = bring("shifts", crew, [SHIFTS, line])
    assert (again.unchanged, again.created, told(again)) == (1, 0, [])


# --- Workbooks ----------------------------------------------------------------------------------


def repacked(book, part, change):
    """Give a workbook of which one part is another."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            text = old.read(info)
            new.writestr(info.filename, change(text) if info.filename == part else text)
    return buffer.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (SHEET, lambda xml: xml.replace(b"</sheetData>", b" " * 60_000_000 + b"</sheetData>")),
        ("xl/styles.xml", lambda xml: xml.replace(b"<fonts", b" " * 11_000_000 + b"<fonts")),
        (SHEET, lambda xml: xml.replace(b'<row r="2"', b'<row r="2000000000"')),
        (
            SHEET,
            lambda xml: xml.replace(
                b"</sheetData>", b'<row><c r="XFD1"><v>1</v></c></row>' * 400 + b"</sheetData>"
            ),
        ),
        (
            SHEET,
            lambda xml: xml.replace(
                b"</sheetData>",
                b"</sheetData><mergeCells>" + b'<mergeCell ref="A1:ZZ9999"/>' * 40_000,
            ),
        ),
    ],
    ids=["lines", "styles", "far line", "wide lines", "merged"],
)
def test_a_small_workbook_that_claims_to_be_huge_is_refused(company, part, change):
    book = workbook(["Nom", "Latitude", "Longitude"], ["Gare", 46.2, 6.1])

    with pytest.raises(sheets.FileTooLarge):
        bring("places", company, repacked(book, part, change))


def test_a_text_of_too_many_lines_is_refused(company):
    with pytest.raises(sheets.TooManyCells):
        bring("places", company, b"Nom;Latitude;Longitude\n" + b"a\n" * sheets.MOST_LINES)


def test_control_characters_do_not_stop_a_workbook(company):
    PlaceFactory(company=company, name="Gare\x07 sud")

    assert b"PK" in write_of(company, exporting.as_xlsx)


def test_typed_cells_of_a_workbook_are_read_as_people_see_them(crew):
    book = workbook(
        ["Shifts of the week"],
        [],
        SHIFTS.split(";"),
        [
            *("Anna Exemple", "GE 1", date(2027, 3, 11), time(7, 30)),
            *(datetime(1899, 12, 30, 9, 15), "Dépôt"),
        ],
    )

    assert told(bring("shifts", crew, book)) == []

    shift = Shift.objects.get()
    assert (shift.starts_at, shift.ends_at) == (
        on_day(7, 30, day=date(2027, 3, 11)),
        on_day(9, 15, day=date(2027, 3, 11)),
    )


def test_hours_beyond_a_day_in_a_workbook_are_told(crew):
    row = ["Anna Exemple", "GE 1", date(2027, 3, 11), time(7), timedelta(hours=24), "Dépôt"]

    outcome = bring("shifts", crew, workbook(SHIFTS.split(";"), row))

    assert told(outcome)[0][:3] == (2, "Fin", "24:00")


def test_numbers_of_a_workbook_keep_or_tell_what_they_lost(company):
    book = workbook(
        ["Nom", "Téléphone", "Code", "Étage"],
        ["Favre Marie", 41225550101.0, 1204.0, 3],
        ["Favre Paul", 225550101, "0012", None],
    )

    outcome = bring("clients", company, book)

    assert told(outcome) == [
        (
            3,
            "Téléphone",
            "225550101",
            "The first zero is lost: write 0225550101, in a column formatted as text.",
        )
    ]
    assert outcome.differences[0].changes[1:] == [
        ("Téléphone", "", "41225550101"),
        ("Code", "", "1204"),
        ("Étage", "", "3"),
    ]


def test_formulas_errors_and_merged_cells_are_told(company):
    book = workbook(
        ["Nom", "Latitude", "Longitude", "Adresse"],
        ["Gare", '=46+"0"', 6.1, "Rue 1"],
        ["Clinique", 46.2, "#REF!", "Rue 1"],
        ["Home", 46.2, 6.1, "Rue 2"],
        ["EMS", 46.2, 6.1, None],
        merged=["D4:D5"],
    )

    outcome = bring("places", company, book)

    assert [where[:2] for where in told(outcome)] == [
        (2, "Latitude"),
        (3, "Longitude"),
        (5, "Adresse"),
    ]
    assert messages(outcome) == [
        "This cell holds a formula: copy it and paste its value.",
        "The spreadsheet shows an error here: write the value.",
        "This cell is merged with others: part them, and write the value into each.",
    ]
    assert Place.objects.count() == 0


@pytest.mark.parametrize("write", [exporting.as_csv, exporting.as_xlsx])
def test_an_export_holds_no_formula(company, write):
    evil = "=cmd|' /C calc'!A0"
    PlaceFactory(company=company, name=evil, address="@SUM(1)", entrance_notes="-1+1")

    content = write_of(company, write)

    cells = [cell for _number, row in sheets.read(content, known=bool).rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(sheets.FORMULA)]
    assert f"'{evil}" in cells


def write_of(company, write):
    return take("places", company, write)


@pytest.mark.parametrize("text", ["=1", "'=1", "''", "'t Hof", "+41", "-", "@x", "a=1", "'"])
def test_what_guards_a_cell_is_taken_away_again(text):
    assert sheets.unguarded(sheets.guarded(text)) == text


# --- Companies ----------------------------------------------------------------------------------


def test_rows_of_another_company_are_neither_found_nor_touched(crew):
    stranger = PlaceFactory(name="Ailleurs", reference="P-1", lat=1.0, lon=1.0)
    driver = DriverFactory(name="Berthe Exemple")
    outcome = bring(
        "places",
        crew,
        [PLACES, "P-1;Gare;46.2;6.1", f"atmr-{stranger.pk};Ailleurs;46.2;6.1"],
    )
    assert (outcome.created, told(outcome)) == (2, [])
    stranger.refresh_from_db()
    assert (stranger.name, stranger.lat) == ("Ailleurs", 1.0)

    for name in ("Berthe Exemple", f"atmr-{driver.pk}"):
        refused = bring("shifts", crew, [SHIFTS, f"{name};GE 1;11.3.2027;7:00;9:00;Dépôt"])
        assert [error.column for error in refused.errors] == ["Chauffeur"]
    with_partner = bring(
        "places", crew, [PLACES + ";Partenaire", f"P-9;X;46;6;{PartnerFactory().name}"]
    )
    assert [error.column for error in with_partner.errors] == ["Partenaire"]


def test_the_same_reference_may_be_used_by_two_companies(company):
    other = CompanyFactory()
    for tenant in (company, other):
        assert bring("places", tenant, [PLACES, "P-1;Gare;46.2;6.1"]).created == 1


# --- Rows ---------------------------------------------------------------------------------------


def test_a_row_is_found_again_by_its_reference_under_another_name(company):
    bring("places", company, [PLACES, "P-1;Gare;46.2;6.1"])

    outcome = bring("places", company, [PLACES, "P-1;Bahnhof;46.3;6.1"])

    assert (outcome.created, outcome.changed) == (0, 1)
    assert outcome.differences[0].changes == [
        ("Nom", "Gare", "Bahnhof"),
        ("Latitude", "46.2", "46.3"),
    ]
    assert Place.objects.values_list("name", "lat").get() == ("Bahnhof", 46.3)


TWO = "Two rows have this reference: give one of them another on its page."


def test_a_reference_that_two_rows_have_changes_neither(crew):
    first = PlaceFactory(company=crew, name="Gare")
    PlaceFactory(company=crew, name="Halle", reference=f"atmr-{first.pk}")  # of a former system

    by_line = bring("places", crew, [PLACES, f"atmr-{first.pk};Bahnhof;46.2;6.1"])
    by_cell = bring("clients", crew, ["Nom;Domicile", f"Favre Marie;atmr-{first.pk}"])

    assert messages(by_line) == messages(by_cell) == [TWO]
    assert not Place.objects.filter(name="Bahnhof").exists()
    own = bring("places", crew, take("places", crew))
    assert set(messages(own)) == {TWO}


def test_a_reference_that_two_shifts_have_changes_neither(crew):
    driver, vehicle = Driver.objects.get(), Vehicle.objects.get()
    first, second = (
        ShiftFactory(company=crew, driver=driver, vehicle=vehicle, starts_at=start, ends_at=end)
        for start, end in ((on_day(7), on_day(9)), (on_day(10), on_day(12)))
    )
    Shift.objects.filter(pk=second.pk).update(reference=f"atmr-{first.pk}")

    outcome = bring(
        "shifts",
        crew,
        [f"Réf.;{SHIFTS}", f"atmr-{first.pk};Anna Exemple;GE 1;{DAY:%d.%m.%Y};8:00;9:00;Dépôt"],
    )

    assert messages(outcome) == [TWO]


def test_columns_that_a_file_does_not_have_are_left_alone(company):
    place = PlaceFactory(
        company=company, name="Gare", kind="clinic", service_min=9, geo_origin="manual"
    )

    bring("places", company, ["Nom;Latitude;Longitude", f"gare;{place.lat};{place.lon + 0.01}"])

    place.refresh_from_db()
    assert (place.kind, place.service_min, place.name) == ("clinic", 9, "gare")
    assert place.geo_origin == GeoOrigin.IMPORT  # where it now is, the file said


def test_namesakes_are_told_with_their_references(company):
    first = ClientFactory(company=company, name="Favre Marie")
    second = ClientFactory(company=company, name="Marie Favre", reference="M-2")

    outcome = bring("clients", company, ["Nom", "favre marie"])

    assert messages(outcome) == [
        f"Several have this name: write the reference (atmr-{first.pk}, M-2)."
    ]
    assert bring("clients", company, ["Réf.;Nom", "M-2;Favre Marie-Paule"]).changed == 1
    second.refresh_from_db()
    assert second.name == "Favre Marie-Paule"


def test_an_emptied_cell_takes_a_document_away(company):
    document = DriverDocumentFactory(driver=DriverFactory(company=company, name="Anna"))

    kept = bring("drivers", company, ["Nom;Permis valable jusqu'au", "Anna;31.12.2030"])
    gone = bring("drivers", company, ["Nom;Permis valable jusqu'au", "Anna;"])

    assert (kept.changed, gone.changed) == (1, 1)
    assert not DriverDocument.objects.filter(driver=document.driver).exists()


def test_lines_of_one_vehicle_must_agree(company):
    outcome = bring(
        "vehicles",
        company,
        [
            "Plaque;Nom;Aménagement;Places",
            "GE 1;Bus;A;3",
            "GE 1;Car;B;3",
            "GE 1;;A;3",
            "GE 1;;;3",
            "GE 1;;C;0",
        ],
    )

    assert [(error.line, error.column) for error in outcome.errors] == [
        (3, "Nom"),
        (4, "Aménagement"),
        (5, "Aménagement"),
        (6, "Aménagement"),
    ]
    assert Vehicle.objects.count() == 0


def test_what_the_database_refuses_is_told_at_its_line(crew):
    ShiftFactory(
        driver=Driver.objects.get(company=crew), vehicle=VehicleFactory(company=crew, plate="GE 2")
    )

    outcome = bring(
        "shifts",
        crew,
        [
            SHIFTS,
            "Anna Exemple;GE 1;11.3.2027;7:00;9:00;Dépôt",
            "Anna Exemple;GE 1;10.3.2027;8:00;9:00;Dépôt",
            "Anna Exemple;GE 1;11.3.2027;8:00;10:00;Dépôt",
        ],
    )

    assert told(outcome) == [
        (
            line,
            "",
            "",
            "The driver has another shift at this time. Choose other times or another driver.",
        )
        for line in (3, 4)
    ]
    assert Shift.objects.count() == 1


def test_who_may_not_drive_is_told_at_the_driver(crew):
    driver = Driver.objects.get(company=crew)
    DriverDocumentFactory(driver=driver, expires_day=DAY)

    outcome = bring("shifts", crew, [SHIFTS, "Anna Exemple;GE 1;11.3.2027;7:00;9:00;Dépôt"])

    assert [(error.line, error.column) for error in outcome.errors] == [(2, "Chauffeur")]
    assert "no longer valid" in messages(outcome)[0]


def test_a_shift_under_rides_changes_as_a_person_would_change_it(company):
    ride = AssignmentFactory(company=company)
    shift = ride.shift
    shift.reference = "S-1"
    shift.save()
    head = "Réf.;" + SHIFTS
    line = f"S-1;{shift.driver};{shift.vehicle.plate};10.03.2027;07:00;{{}};{shift.start_place}"

    refused = bring("shifts", company, [head, line.format("08:00")])
    longer = bring("shifts", company, [head, line.format("18:00")])

    assert messages(refused) == [
        f"The shift carries {ride.booking.reference}: say that they are taken back."
    ]
    assert (longer.changed, told(longer)) == (1, [])
    shift.refresh_from_db()
    assert shift.ends_at == on_day(18)


def test_a_shift_with_a_reference_can_still_be_split_by_an_absence():
    shift = ShiftFactory(reference="S-1")

    record_absence(
        driver=shift.driver, kind=AbsenceKind.OTHER, starts_at=on_day(10), ends_at=on_day(11),
        actor=None, now=NOW,
    )  # fmt: skip

    assert sorted(Shift.objects.values_list("reference", flat=True)) == ["", "S-1"]


# --- Bookings and series ------------------------------------------------------------------------


def test_bookings_are_all_booked_or_none(company):
    good = (DOCS / "bookings.csv").read_text()

    preview = bring("bookings", company, good, apply=False)
    assert (preview.created, preview.applied, Booking.objects.count()) == (5, False, 0)
    bad = bring("bookings", company, good + good.splitlines()[1].replace("11.03", "31.04"))
    assert [(error.line, error.column) for error in bad.errors] == [(5, "Date")]
    assert (Booking.objects.count(), Client.objects.count()) == (0, 0)

    stored = bring("bookings", company, good, expected=preview.digest)
    assert stored.applied
    assert Booking.objects.count() == 5


def test_a_changed_series_takes_its_bookings_along(company):
    for slug in ("places", "drivers", "clients"):
        bring(slug, company, (DOCS / f"{slug}.csv").read_bytes())
    text = (DOCS / "series.csv").read_text()
    bring("series", company, text)
    at = list(Booking.objects.filter(outbound=None).values_list("appointment_at", flat=True))

    outcome = bring("series", company, text.replace("14:00", "15:00"))

    assert outcome.changed == 1
    moved = Booking.objects.filter(outbound=None).values_list("appointment_at", flat=True)
    assert sorted(moved) != sorted(at)
    assert len(moved) == len(at) > 10


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("lundi, mercredi et vendredi", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
        ("Mo Mi Fr", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
        ("täglich", "FREQ=DAILY"),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "FREQ=MONTHLY;BYMONTHDAY=1"),
    ],
)
def test_days_of_a_series_are_read_in_words(company, written, rule):
    ClientFactory(company=company, name="Favre")
    for name in "AB":
        PlaceFactory(company=company, name=name)
    head = "Client;Départ;Destination;Heure;Jours;Dès le"

    outcome = bring("series", company, [head, f'Favre;A;B;08:00;"{written}";01.03.2027'])

    assert told(outcome) == []
    assert outcome.differences[0].changes[4] == ("Jours", "", rule)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("Jours", "lundi, demain"),
        ("Jours", "FREQ=HOURLY"),
        ("Exceptions", "31.04.2026"),
        ("Exceptions", "2027-04-31"),
        ("Suspensions", "2027-04-12"),
        ("Suspensions", "2027-04-12 - 2027-04-01"),
    ],
)
def test_what_is_no_rule_is_told_at_its_cell(company, column, cell):
    ClientFactory(company=company, name="Favre")
    for name in "AB":
        PlaceFactory(company=company, name=name)
    cells = {"Jours": "lundi", "Exceptions": "", "Suspensions": ""} | {column: f'"{cell}"'}
    head = "Client;Départ;Destination;Heure;Dès le;" + ";".join(cells)

    outcome = bring(
        "series", company, [head, "Favre;A;B;08:00;01.03.2027;" + ";".join(cells.values())]
    )

    assert [(error.column, error.value) for error in outcome.errors] == [(column, cell)]


# --- Size ---------------------------------------------------------------------------------------


def lines_of_places(count, *, north=0.0):
    return [PLACES, *(f"P-{n};Lieu {n};{46 + north + n / 1e6};6.1" for n in range(count))]


@pytest.mark.parametrize("rows", [2, 300])
def test_a_file_costs_the_same_statements_however_long_it_is(company, rows):
    def cost(lines):
        with CaptureQueriesContext(connection) as captured:
            assert told(bring("places", company, lines)) == []
        return sum(not is_control(query["sql"]) for query in captured)

    # The company, partners, places; then the rows in one statement.
    assert cost(lines_of_places(rows)) == 4
    assert cost(lines_of_places(rows, north=0.5)) == 4
    assert cost(lines_of_places(rows, north=0.5)) == 3


def test_ten_thousand_lines_are_brought_with_their_progress(company):
    told_of = []
    content = "\n".join(lines_of_places(10_000))

    with CaptureQueriesContext(connection) as captured:
        outcome = bring("places", company, content, progress=lambda *step: told_of.append(step))

    assert (outcome.created, len(outcome.differences)) == (10_000, 200)
    assert told_of == [(done, 10_000) for done in range(1000, 10_001, 1000)]
    assert sum(not is_control(query["sql"]) for query in captured) == 3 + 10


def test_a_file_that_the_database_refuses_is_not_asked_about_without_end(crew):
    """One line of a hundred is found by halves; of a thousand bad ones, the first are told."""
    day = "Anna Exemple;GE 1;{}.3.2027;{:02}:00;{:02}:{};Dépôt"
    good = [day.format(1 + n // 20, n % 20, n % 20, 30) for n in range(200)]
    late = "Anna Exemple;GE 1;{}.3.2027;{:02}:15;{:02}:45;Dépôt"
    overlapping = [late.format(1 + n // 20, n % 20, n % 20) for n in range(200)]

    with CaptureQueriesContext(connection) as captured:
        one = bring("shifts", crew, [SHIFTS, *good, ODD], apply=False)
    assert [error.line for error in one.errors] == [202]
    assert len(captured) < 80  # savepoints too
    many = bring("shifts", crew, [SHIFTS, *good, *overlapping])
    assert len(many.errors) == 101
    assert "The check stops here" in messages(many)[-1]
    assert Shift.objects.count() == 0


# --- Commands -----------------------------------------------------------------------------------


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_commands_say_what_the_page_says(company, tmp_path):
    good, bad = DOCS / "places.csv", tmp_path / "bad.csv"
    bad.write_text(f"{PLACES}\nP-1;Gare;91;6.1\n")

    checked = json.loads(run("import_file", "places", good, "--company=acme", "--check", "--json"))
    assert (checked["created"], checked["applied"], Place.objects.count()) == (6, False, 0)
    assert "6 lines: 6 new" in run("import_file", "places", good, "--company=acme")
    with pytest.raises(CommandError, match="Nothing was stored"):
        run("import_file", "places", bad, "--company=acme")
    with pytest.raises(CommandError, match="There is no company"):
        run("import_file", "places", good, "--company=nobody")
    with pytest.raises(CommandError, match=r"none\.csv"):
        run("import_file", "places", tmp_path / "none.csv", "--company=acme")

    for suffix in ("csv", "xlsx"):
        file = tmp_path / f"out.{suffix}"
        run("export_file", "places", file, "--company=acme")
        again = json.loads(run("import_file", "places", file, "--company=acme", "--json"))
        assert (again["unchanged"], again["changed"], again["created"]) == (6, 0, 0)


def test_a_row_that_is_refused_by_a_bug_is_no_bad_line(company, monkeypatch):
    monkeypatch.setattr("exchange.services.bringing.refusal_of", lambda _error: None)
    monkeypatch.setattr(
        "exchange.services.places.Places.save",
        lambda *_: Place.objects.bulk_create([Place(name="without a company", lat=0, lon=0)]),
    )

    with pytest.raises(Exception, match="company_id"):
        bring("places", company, [PLACES, "P-1;Gare;46.2;6.1"])


def test_refusals_are_domain_errors():
    for refusal in (sheets.FileTooLarge, sheets.UnreadableWorkbook):
        assert issubclass(refusal, DomainError)


def test_bookings_stay_with_their_own_client(company):
    booking = BookingFactory(company=company)

    bring("clients", company, ["Réf.;Nom", f"atmr-{booking.client.pk};Favre Marie"])

    booking.client.refresh_from_db()
    assert booking.client.name == "Favre Marie"
