"""CSV files as people make them are read, or refused in words they can act on."""

from collections import defaultdict
from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmr import sheets
from atmr.errors import DomainError
from bookings import csvcells, csvfile
from bookings.models import Mobility, Priority

HEADER = "Nom;Date;Heure;Départ;Destination"
LINE = "Müller Zoé;31.12.2026;7h30;Rue Émile 3;Hôpital"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_usual_encodings_separators_and_line_ends_are_read(encoding, end, separator):
    text = end.join([HEADER, LINE, ""]).replace(";", separator)

    table = csvfile.read(text.encode(encoding))

    assert table.lines == [
        csvfile.Line(
            2,
            {
                "client": "Müller Zoé",
                "day": "31.12.2026",
                "pickup_time": "7h30",
                "pickup": "Rue Émile 3",
                "delivery": "Hôpital",
            },
        )
    ]


@pytest.mark.parametrize(
    "header",
    [
        "Patient;Tag;Abholzeit;Von;Nach",
        "client;day;pickup_time;pickup;delivery",
        "NOM DU CLIENT;DATE;HEURE DEPART;LIEU DE DEPART;LIEU D'ARRIVEE",
        "Name;Datum;Uhrzeit;Abholort;Zielort",
        " Name ;Day;Time;From;To",
    ],
)
def test_headings_are_known_in_three_languages(header):
    table = csvfile.read(f"{header}\n{LINE}\n".encode())

    assert set(table.headings) == {"client", "day", "pickup_time", "pickup", "delivery"}


def test_no_heading_stands_for_two_columns():
    columns = defaultdict(set)
    for column, names in csvfile.HEADINGS.items():
        for name in [column, *names.split(",")]:
            columns[csvfile.plain(name)].add(column)

    assert [name for name, of in columns.items() if len(of) > 1] == []


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("pickup_lat", "pickup_lat"),
        ("Longitude de départ", "pickup_lon"),
        ("lat. départ", "pickup_lat"),
        ("Destination (lng)", "delivery_lon"),
        ("Breite Zielort", "delivery_lat"),
        ("Latitude d\u2019arrivée", "delivery_lat"),
    ],
)
def test_coordinates_are_known_by_the_words_for_their_place(heading, column):
    table = csvfile.read(f"{HEADER};{heading}\n{LINE};46,2\n".encode())

    assert table.lines[0].cells[column] == "46,2"


def test_lines_keep_their_numbers_across_blank_ones_and_breaks_in_cells():
    text = f'sep=;\n{HEADER}\n"Favre\nAnne";1;2;3;4\n;;;;\n\n{LINE}\n'

    table = csvfile.read(text.encode())

    assert [line.number for line in table.lines] == [3, 7]
    assert table.lines[0].cells["client"] == "Favre\nAnne"


def test_columns_that_are_not_read_are_named():
    table = csvfile.read(f"{HEADER};Couleur\n{LINE};bleu\n".encode())

    assert table.ignored == ["Couleur"]


def test_a_line_with_too_many_cells_is_told_and_the_others_are_kept():
    text = "nom,date,heure,de,à\nFavre,31.12.2026,7:30,Rue 1,46,2\nFavre,31.12.2026,8:30,A,B\n"

    table = csvfile.read(text.encode())

    assert [error.line for error in table.errors] == [2]
    assert "quotation marks" in str(table.errors[0].message)
    assert [line.number for line in table.lines] == [3]


def test_a_quotation_mark_that_never_closes_is_told():
    table = csvfile.read(f'{HEADER}\n{LINE}\n"Favre;1;2;3;4\n{LINE}\n'.encode())

    assert [line.number for line in table.lines] == [2]
    assert [error.line for error in table.errors] == [3]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", sheets.EmptyFile),
        (b"\n \n", sheets.EmptyFile),
        (HEADER.encode(), sheets.EmptyFile),
        (b"PK\x03\x04\x00\x00", sheets.UnreadableFile),
        (b"a\x00b", sheets.UnreadableFile),
        (b"\xff\xfea", sheets.UnreadableFile),
        (b"Nom;Date\nA;B\n", csvfile.ColumnsMissing),
        (b"Nom;Patient;Date;Heure;De;Nach\na;b;c;d;e;f\n", csvfile.ColumnTwice),
    ],
)
def test_files_that_cannot_be_read_are_refused(content, refusal):
    with pytest.raises(refusal):
        csvfile.read(content)


def test_missing_columns_are_named():
    with pytest.raises(csvfile.ColumnsMissing, match="day, pickup, pickup_time"):
        csvfile.read(b"Nom;Destination\nA;B\n")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_are_refused(content):
    try:
        table = csvfile.read(HEADER.encode() + b"\n" + content)
    except DomainError:
        return
    for line in table.lines:
        entry = csvcells.read_entry(line, table.headings, this_year=2026)
        assert isinstance(entry, list | csvcells.Entry)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("31.12.2026", date(2026, 12, 31)),
        ("31.12.26", date(2026, 12, 31)),
        ("1.2.2027", date(2027, 2, 1)),
        ("31/12/2026", date(2026, 12, 31)),
        ("2026-12-31", date(2026, 12, 31)),
        ("31.12.2026 00:00:00", date(2026, 12, 31)),
        ("2026-12-31T00:00", date(2026, 12, 31)),
    ],
)
def test_days_are_read_as_they_are_written(text, expected):
    assert csvcells.parse_day(text, this_year=2026) == expected


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("31.04.2026", "no such day"),
        ("29.02.2027", "no such day"),
        ("12/31/2026", "no such day"),
        ("31.12", "31.12.2026"),
        ("46387", "31.12.2026"),
        ("lundi", "31.12.2026"),
        ("31.12/2026", "31.12.2026"),
        ("31.12.2206", "year"),
        ("0026-12-31", "year"),
    ],
)
def test_days_that_are_none_are_refused(text, accepted):
    with pytest.raises(csvcells.BadCell) as refused:
        csvcells.parse_day(text, this_year=2026)

    assert accepted in str(refused.value.accepted)


@pytest.mark.parametrize(("text", "year"), [("3.5.48", 1948), ("3.5.26", 2026), ("3.5.27", 1927)])
def test_nobody_is_born_in_the_future(text, year):
    assert csvcells.parse_day(text, this_year=2026, born=True).year == year


@pytest.mark.parametrize("text", ["7:30", "07:30", "07:30:00", "7h30", "7H30", "7.30", "07.30 Uhr"])
def test_times_are_read_as_they_are_written(text):
    assert csvcells.parse_time(text) == time(7, 30)


def test_a_full_hour_may_stand_alone():
    assert csvcells.parse_time("7h") == csvcells.parse_time("7 Uhr") == time(7)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("24:00", "next day"),
        ("24h", "next day"),
        ("25:00", "23:59"),
        ("7:60", "23:59"),
        ("7", "07:30"),
        ("7:30 pm", "07:30"),
        ("0.3125", "07:30"),
        ("midi", "07:30"),
    ],
)
def test_times_that_are_none_are_refused(text, accepted):
    with pytest.raises(csvcells.BadCell) as refused:
        csvcells.parse_time(text)

    assert accepted in str(refused.value.accepted)


@pytest.mark.parametrize("text", ["46.2044", "46,2044", "+46,2044", "46.2044°"])
def test_degrees_have_a_point_or_a_comma(text):
    assert csvcells.parse_lat(text) == pytest.approx(46.2044)


@pytest.mark.parametrize("text", ["90.1", "2500000", "46°12'", "nan", "46,20,44", "1e1"])
def test_what_is_no_latitude_is_refused(text):
    with pytest.raises(csvcells.BadCell):
        csvcells.parse_lat(text)


def test_choices_are_read_in_three_languages():
    words = {"Fauteuil roulant": "wheelchair", "CIVIÈRE": "stretcher", "gehend": "walks"}

    for word, value in words.items():
        assert csvcells.parse_mobility(word) == Mobility(value)
    for value in Mobility:
        assert csvcells.parse_mobility(value) == value
    assert csvcells.parse_priority("Notfall") == Priority.EMERGENCY
    with pytest.raises(csvcells.BadCell, match="walks, folding_wheelchair"):
        csvcells.parse_mobility("trottinette")


def entry_of(**cells):
    usual = {
        "client": "A",
        "day": "31.12.2026",
        "pickup_time": "8:00",
        "pickup": "B",
        "delivery": "C",
    }
    line = csvfile.Line(2, {**usual, **cells})
    return csvcells.read_entry(line, {name: name for name in line.cells}, this_year=2026)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"client": ""}, "client"),
        ({"day": ""}, "day"),
        ({"pickup_time": ""}, "pickup_time"),
        ({"appointment_time": "7:59"}, "appointment_time"),
        ({"appointment_end": "9:00"}, "appointment_end"),
        ({"return_time": "7:00"}, "return_time"),
        ({"companions": "9"}, "companions"),
        ({"companions": "²"}, "companions"),
        ({"exclusive": "peut-être"}, "exclusive"),
        ({"pickup_lat": "46,2"}, "pickup_lat"),
        ({"partner_reference": "x" * 65}, "partner_reference"),
        ({"first_name": "x" * 120}, "client"),
    ],
)
def test_each_cell_is_refused_at_its_column(cells, column):
    errors = entry_of(**cells)

    assert [error.column for error in errors] == [column]
    assert errors[0].value == cells.get(column, "A" if column == "client" else "")


def test_every_bad_cell_of_a_line_is_told():
    errors = entry_of(day="31.04.2026", pickup_time="24:00", mobility="?")

    assert {error.column for error in errors} == {"day", "pickup_time", "mobility"}


@pytest.mark.parametrize("word", ["sur appel", "Auf Abruf", "WILL CALL", "à rappeler"])
def test_a_return_may_wait_for_the_call(word):
    entry = entry_of(return_time=word)

    assert (entry.will_call, entry.return_time) == (True, None)
