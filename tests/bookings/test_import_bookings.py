"""Files become bookings once, and every bad line is told."""

import json
from datetime import date, time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from bookings.csvfile import HEADINGS
from bookings.models import Anchor, Booking, Client, Mobility
from bookings.services import ending, importing
from bookings.services.lookups import Names, any_order
from bookings.states import BookingStatus
from fleet.models import GeoOrigin, Place
from tests.factories import (
    ClientFactory,
    CompanyFactory,
    PartnerFactory,
    PlaceFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

S = BookingStatus
NOW = on_day(6)
DAY = date(2027, 3, 10)
DOCS = Path(settings.BASE_DIR) / "docs"
HEADER = "nom;naissance;date;heure;départ;destination;partenaire;référence;mobilité;retour"
KNOWN = "10.03.2027;09:00;Rue Haute 1;HUG"


@pytest.fixture
def company():
    company = CompanyFactory(slug="acme")
    PlaceFactory(company=company, name="Rue Haute 1", address="Rue Haute 1, 1204 Genève")
    PlaceFactory(company=company, name="HUG", address="Rue Gabrielle-Perret-Gentil 4")
    return company


def load(company, *lines, header=HEADER, **given):
    content = "\n".join([header, *lines]).encode()
    return importing.import_bookings(company=company, content=content, actor=None, now=NOW, **given)


def told(report):
    return [(error.line, error.column, str(error.message)) for error in report.errors]


def test_a_line_becomes_a_pending_booking_of_a_new_client(company):
    report = load(company, f"Favre Marie;3.5.1948;{KNOWN};;;fauteuil;")

    booking = Booking.objects.get()
    assert report.created == [booking.reference]
    assert (booking.status, booking.requested_pickup_at) == (S.PENDING, on_day(9))
    assert (booking.client.name, booking.client.birth_day) == ("Favre Marie", date(1948, 5, 3))
    assert booking.mobility == booking.client.mobility == Mobility.WHEELCHAIR
    assert (report.lines, report.clients, report.errors) == (1, 1, [])


def test_windows_accept_and_promise(company):
    load(company, f"Favre;;{KNOWN}", windows_min=(5, 10))

    booking = Booking.objects.get()
    assert (booking.status, booking.promised_until) == (S.ACCEPTED, on_day(9, 10))


@pytest.mark.parametrize("written", ["FAVRE Marie", "marie favre", "Favre, Marié"])
def test_a_known_client_is_found_however_the_name_is_written(company, written):
    client = ClientFactory(company=company, name="Marie Favre", mobility=Mobility.STRETCHER)

    report = load(company, f'"{written}";;{KNOWN}')

    booking = Booking.objects.get()
    assert (booking.client, booking.mobility) == (client, Mobility.STRETCHER)
    assert report.clients == 0


def test_namesakes_are_told_apart_by_birth_date(company):
    ClientFactory(company=company, name="Marie Favre", birth_day=date(1948, 5, 3))
    younger = ClientFactory(company=company, name="Marie Favre", birth_day=date(1960, 5, 3))

    report = load(
        company,
        f"Marie Favre;3.5.1960;{KNOWN}",
        f"Marie Favre;;{KNOWN}",
        f"Marie Favre;1.1.70;{KNOWN}",
    )

    assert told(report) == [(3, "nom", "Several clients have this name: give the birth date.")]
    assert Booking.objects.filter(client=younger).count() == 1
    assert report.clients == 1


def test_a_client_who_is_no_longer_carried_is_told(company):
    ClientFactory(company=company, name="Marie Favre", active=False)

    report = load(company, f"Marie Favre;;{KNOWN}")

    assert [(error.line, error.column) for error in report.errors] == [(2, "nom")]


def test_clients_and_places_of_another_company_are_unknown(company):
    ClientFactory(name="Marie Favre")
    PlaceFactory(name="Clinique")

    report = load(
        company, f"Marie Favre;;{KNOWN}", "Marie Favre;;10.03.2027;10:00;Rue Haute 1;Clinique"
    )

    assert report.clients == 1
    assert [(error.line, error.column) for error in report.errors] == [(3, "destination")]


def test_an_address_is_found_too(company):
    report = load(company, "A;;10.03.2027;09:00;rue haute 1, 1204 geneve;HUG")

    assert report.errors == []


def test_an_unknown_place_is_told_with_the_names_that_come_near(company):
    report = load(company, "A;;10.03.2027;09:00;Rue Hautte 1;HUG", "A;;10.03.2027;09:00;HUG;Xyz")

    assert told(report) == [
        (2, "départ", "This name is not known. Did you mean: Rue Haute 1?"),
        (3, "destination", "This name is not known. Give its coordinates to create it."),
    ]
    assert not Booking.objects.exists()
    assert not Client.objects.exists()


def test_an_unknown_place_with_coordinates_is_created_once(company):
    header = "nom;date;heure;départ;lat départ;lon départ;destination"
    report = load(
        company,
        "A;10.03.2027;09:00;Rue Basse 2;46,2031;6,1476;HUG",
        "B;10.03.2027;09:00;rue basse 2;;;HUG",
        "C;10.03.2027;09:00;Rue Basse 2;46,3000;6,1476;HUG",
        header=header,
    )

    place = Place.objects.get(name="Rue Basse 2")
    assert (place.lat, place.geo_origin) == (46.2031, GeoOrigin.IMPORT)
    assert Booking.objects.filter(pickup_place=place).count() == 2
    assert [(error.line, error.column) for error in report.errors] == [(4, "départ")]
    assert report.places == ["Rue Basse 2"]


def test_a_place_of_a_bad_line_only_is_not_created(company):
    header = "nom;date;heure;départ;lat départ;lon départ;destination"

    load(company, "A;10.03.2027;09:00;Rue Basse 2;46,2;6,1;Nulle part", header=header)

    assert not Place.objects.filter(name="Rue Basse 2").exists()


def test_home_is_where_the_client_lives(company):
    home = PlaceFactory(company=company)
    ClientFactory(company=company, name="A", home=home)

    report = load(
        company,
        "A;;10.03.2027;09:00;Domicile;HUG",
        "B;;10.03.2027;09:00;Zuhause;HUG",
        "A;;10.03.2027;10:00;HUG;hug",
    )

    assert Booking.objects.get().pickup_place == home
    assert [(error.line, error.column) for error in report.errors] == [
        (3, "départ"),
        (4, "destination"),
    ]


def test_returns_are_booked_with_their_outbound(company):
    report = load(company, f"A;;{KNOWN};;;;12h15", f"B;;{KNOWN};;;;sur appel")

    first, second = Booking.objects.exclude(outbound=None).order_by("pk")
    assert len(report.created) == 4
    assert (first.requested_pickup_at, first.time_confirmed) == (on_day(12, 15), True)
    assert (second.will_call, second.time_confirmed) == (True, False)


def test_an_appointment_without_a_pickup_time_is_arrived_at_in_time(company):
    header = "nom;date;rdv;fin rdv;départ;destination"

    load(company, "A;10.03.2027;09:00;10:00;Rue Haute 1;HUG", header=header)

    booking = Booking.objects.get()
    assert (booking.anchor, booking.appointment_at) == (Anchor.ARRIVE_BY, on_day(9))
    assert booking.appointment_ends_at == on_day(10)


def test_wall_times_are_those_of_the_companys_zone_when_the_clocks_change(company):
    load(company, "A;;28.03.2027;02:30;Rue Haute 1;HUG", "B;;31.10.2027;02:30;Rue Haute 1;HUG")

    spring, autumn = Booking.objects.order_by("requested_pickup_at")
    assert spring.requested_pickup_at == on_day(3, 30, day=date(2027, 3, 28))
    assert autumn.requested_pickup_at.isoformat() == "2027-10-31T00:30:00+00:00"


def test_a_return_that_the_change_of_clocks_puts_before_its_outbound_is_told(company):
    report = load(company, "A;;28.03.2027;02:45;Rue Haute 1;HUG;;;;03:00")

    assert [(error.line, error.column) for error in report.errors] == [(2, "retour")]


def test_again_books_nothing_twice(company):
    lines = [f"A;;{KNOWN}", f"B;;{KNOWN};;R-2", f"C;;{KNOWN};;;;11:00"]
    first = load(company, *lines)

    again = load(company, *lines)

    references = set(first.created)
    assert again.created == []
    assert [line for line, _ in again.already_there] == [2, 3, 4]
    assert {same for _, same in again.already_there} <= references
    assert Booking.objects.count() == 4


def test_a_cancelled_booking_does_not_come_back(company):
    load(company, f"A;;{KNOWN}")
    ending.cancel(booking=Booking.objects.get(), actor=None, now=NOW, reason="In hospital")

    again = load(company, f"A;;{KNOWN}")

    assert (again.created, len(again.already_there)) == ([], 1)


def test_the_same_line_twice_in_a_file_is_booked_once(company):
    report = load(company, f"A;;{KNOWN}", f"a;;{KNOWN}", "A;;10.03.2027;09:05;Rue Haute 1;HUG")

    assert len(report.created) == 2
    assert report.already_there == [(3, "line 2")]


def test_a_reference_used_for_two_rides_is_told(company):
    report = load(
        company, f"A;;{KNOWN};;R-1", f"A;;{KNOWN};;R-1", "A;;10.03.2027;11:00;HUG;Rue Haute 1;;R-1"
    )

    assert report.already_there == [(3, "line 2")]
    assert told(report) == [(4, "référence", "Another line uses this reference.")]


def test_partners_share_no_references(company):
    for name in ("Clinique A", "Clinique B"):
        PartnerFactory(company=company, name=name)

    report = load(company, f"A;;{KNOWN};Clinique A;R-1", f"B;;{KNOWN};clinique b;R-1")

    assert len(report.created) == 2
    assert {booking.partner.name for booking in Booking.objects.all()} == {
        "Clinique A",
        "Clinique B",
    }


def test_a_partner_without_agreement_is_told(company):
    PartnerFactory(name="Clinique A")

    report = load(company, f"A;;{KNOWN};Clinique A;R-1")

    assert [(error.line, error.column) for error in report.errors] == [(2, "partenaire")]


def test_good_lines_are_kept_unless_all_or_nothing(company):
    lines = [f"A;;{KNOWN}", "B;;31.04.2027;24:00;Rue Haute 1;HUG"]

    nothing = load(company, *lines, all_or_nothing=True)
    assert (nothing.created, Booking.objects.count()) == ([], 0)
    assert {(error.line, error.column) for error in nothing.errors} == {(3, "date"), (3, "heure")}

    assert len(load(company, *lines).created) == 1


@pytest.mark.parametrize("rows", [2, 300])
def test_statements_do_not_grow_with_the_lines(company, rows, django_assert_num_queries):
    ClientFactory(company=company, name="Client 0")
    lines = [
        f"Client {n};;10.03.2027;{7 + n % 12}:{n // 12 % 60:02};Rue Haute 1;HUG;;R-{n}"
        for n in range(rows)
    ]

    # constraints, company; places, clients, partners; two look-ups; new clients;
    # ids, who, rows; move, promise. Six more open and close savepoints.
    with django_assert_num_queries(13 + 6):
        report = load(company, *lines, windows_min=(5, 10))

    assert len(report.created) == rows


def run(*arguments):
    call_command("import_bookings", *map(str, arguments))


def test_the_documented_example_is_imported_as_it_is(capsys):
    company = CompanyFactory(slug="acme")

    run(DOCS / "import-example.csv", "--company", "acme", "--accept", 5, 10, "--json")

    answer = json.loads(capsys.readouterr().out)
    assert (answer["lines"], answer["errors"], answer["ignored_columns"]) == (3, [], [])
    assert len(answer["created"]) == 5
    first, second, third = Booking.objects.filter(outbound=None).order_by("pk")
    assert first.requested_pickup_at.astimezone(company.tz).time() == time(7, 30)
    assert (second.mobility, second.companions) == (Mobility.WHEELCHAIR, 1)
    assert third.return_booking.will_call
    assert third.driver_notes == "Oxygène; prévoir une couverture"
    assert third.delivery_place == first.delivery_place
    assert third.client.birth_day == date(1952, 2, 29)


def test_every_column_is_documented():
    text = (DOCS / "import.md").read_text()
    coordinates = [f"{end}_{axis}" for end in ("pickup", "delivery") for axis in ("lat", "lon")]

    assert [column for column in [*HEADINGS, *coordinates] if f"`{column}`" not in text] == []


def test_bad_lines_are_printed_with_number_column_value_and_what_is_accepted(
    company, tmp_path, capsys
):
    file = tmp_path / "day.csv"
    file.write_text(f"{HEADER}\nA;;{KNOWN}\nB;;31.04.2027;9:00;Rue Haute 1;HUG\n")

    run(file, "--company", "acme")

    out = capsys.readouterr().out
    assert "Line 3, date “31.04.2027”: The calendar has no such day." in out
    assert "2 lines: 1 bookings made, 0 lines booked already, 1 bad lines" in out


def test_a_file_of_bad_lines_only_fails(company, tmp_path, capsys):
    file = tmp_path / "day.csv"
    file.write_text(f"{HEADER}\nB;;31.04.2027;9:00;Rue Haute 1;HUG\n")

    with pytest.raises(CommandError, match="Nothing was booked"):
        run(file, "--company", "acme", "--json")

    assert len(json.loads(capsys.readouterr().out)["errors"]) == 1


def test_all_or_nothing_fails_when_a_line_is_bad(company, tmp_path):
    file = tmp_path / "day.csv"
    file.write_text(f"{HEADER}\nA;;{KNOWN}\nB;;31.04.2027;9:00;Rue Haute 1;HUG\n")

    with pytest.raises(CommandError, match="Nothing was booked"):
        run(file, "--company", "acme", "--all-or-nothing")


@pytest.mark.parametrize("company_slug", ["acme", "nobody"])
def test_what_cannot_be_read_is_refused_in_one_line(company, tmp_path, company_slug):
    with pytest.raises(CommandError) as refused:
        run(tmp_path / "missing.csv", "--company", company_slug)

    assert "\n" not in str(refused.value)


def test_near_names_are_best_first():
    names = Names([("Clinique des Grangettes", 1), ("Clinique de Carouge", 2), ("HUG", 3)])

    assert names.near("Clinique Grangette")[0] == "Clinique des Grangettes"
    assert names.near("zzz") == []
    assert any_order("FAVRE  Marié") == any_order("Marie Favre")
