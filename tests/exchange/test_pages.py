"""The pages of files: a preview first, then all of it; nothing of another company."""

import random
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role
from atmr import uploads
from atmr.statements import is_control
from exchange.services.catalogue import EXPORTED, KINDS
from fleet.models import Place
from tests.exchange.files import take
from tests.factories import ClientFactory, CompanyFactory, PlaceFactory, UserFactory

pytestmark = pytest.mark.django_db

PLACES = "Réf.;Nom;Latitude;Longitude\nP-1;Gare;46,21;6,14\nP-2;Clinique;46,2;6,15\n"


@pytest.fixture
def company():
    return CompanyFactory(slug="acme", language="en")


@pytest.fixture
def manager(client, company):
    user = UserFactory(role=Role.MANAGER, company=company)
    client.force_login(user)
    return user


def page(slug, company, what="bring"):
    return reverse(f"exchange:{what}-{slug}", args=[company.slug])


def send(client, slug, company, text, name="places.csv"):
    content = text if isinstance(text, bytes) else text.encode()
    return client.post(page(slug, company), {"file": SimpleUploadedFile(name, content)})


def confirm(client, slug, company, response):
    form = response.context["confirm"]
    return client.post(page(slug, company), form.initial)


def test_a_file_is_shown_first_and_stored_when_that_is_confirmed(client, company, manager):
    preview = send(client, "places", company, PLACES)
    assert Place.objects.count() == 0
    assert "2 lines: 2 new" in preview.content.decode()

    stored = confirm(client, "places", company, preview)

    assert stored.status_code == 302
    assert set(Place.objects.values_list("name", "company")) == {
        ("Gare", company.pk),
        ("Clinique", company.pk),
    }
    again = send(client, "places", company, PLACES)
    assert again.context["confirm"] is None
    assert "there is nothing to store" in again.content.decode()


def test_what_differs_is_shown_before_and_after(client, company, manager):
    PlaceFactory(company=company, reference="P-1", name="Bahnhof", lat=46.21, lon=6.14)

    preview = send(client, "places", company, PLACES)

    known, new = preview.context["outcome"].differences
    assert (known.is_new, known.changes) == (False, [("Nom", "Bahnhof", "Gare")])
    assert new.is_new
    assert "<del>Bahnhof</del>" in preview.content.decode()


def test_bad_lines_are_told_and_nothing_can_be_confirmed(client, company, manager):
    bad = send(client, "places", company, PLACES + "P-3;Nulle part;91;6\n")

    assert bad.context["confirm"] is None
    assert "Write the latitude in degrees" in bad.content.decode()
    assert Place.objects.count() == 0


def test_what_changed_since_the_preview_is_shown_anew(client, company, manager):
    preview = send(client, "places", company, PLACES)
    PlaceFactory(company=company, reference="P-1", name="Bahnhof")

    second = confirm(client, "places", company, preview)

    assert "changed since the preview" in second.content.decode()
    assert Place.objects.get().name == "Bahnhof"
    assert confirm(client, "places", company, second).status_code == 302
    assert Place.objects.count() == 2


@pytest.mark.parametrize("carried", ["", "!", "AAAA", "x" * 2_000_001])
def test_a_confirmation_that_carries_no_file_is_refused(client, company, manager, carried):
    answer = client.post(page("places", company), {"carried": carried, "digest": "0" * 64})

    assert answer.status_code == 200
    assert "Choose the file again." in answer.content.decode()


def test_a_large_file_is_carried_to_its_confirmation_and_a_larger_one_refused(
    client, company, manager
):
    noise = random.Random(1)
    lines = [
        f"N-{n};{n};46;6;{noise.randbytes(700).hex()}" for n in range(3400)
    ]  # hexadecimal: half of it is left when packed
    head = "Réf.;Nom;Latitude;Longitude;Notes"

    preview = send(client, "places", company, "\n".join([head, *lines[:1700]]))
    assert confirm(client, "places", company, preview).status_code == 302
    assert Place.objects.count() == 1700
    refused = send(client, "places", company, "\n".join([head, *lines]))
    assert "too large" in refused.content.decode()


@pytest.mark.parametrize(("length", "status"), [(101, 400), (100, 403)])
def test_more_than_anybody_could_mean_is_cut_off_before_it_is_read(
    company, monkeypatch, length, status
):
    monkeypatch.setattr(uploads, "MOST_BYTES", 100)
    stranger = Client(enforce_csrf_checks=True)  # whose form is read to look for the token
    stranger.cookies["csrftoken"] = "a" * 32

    answer = stranger.generic(
        "POST",
        page("places", company),
        b"--x--".ljust(length),
        content_type="multipart/form-data; boundary=x",
    )

    assert answer.status_code == status


def test_a_file_without_its_columns_is_refused(client, company, manager):
    answer = send(client, "places", company, "a;b\n1;2\n")

    assert "The file has no column for: name, lat, lon" in answer.content.decode()


def test_another_company_does_not_exist(client, company, manager):
    other = CompanyFactory(slug="other")
    PlaceFactory(company=other)
    preview = send(client, "places", company, PLACES)

    for slug in KINDS:
        assert client.get(page(slug, other)).status_code == 404
    for slug in EXPORTED:
        assert client.get(page(slug, other, "export")).status_code == 404
    assert send(client, "places", other, PLACES).status_code == 404
    assert confirm(client, "places", other, preview).status_code == 404
    assert client.get(reverse("exchange:files"), {"company": "other"}).context["company"] == company


def test_a_dispatcher_brings_clients_and_no_drivers(client, company):
    client.force_login(UserFactory(role=Role.DISPATCHER, company=company))

    kinds = client.get(reverse("exchange:files")).context["kinds"]

    assert "clients" in {row["kind"].slug for row in kinds if row["import"]}
    assert "drivers" not in {row["kind"].slug for row in kinds if row["import"]}
    assert client.get(page("clients", company)).status_code == 200
    assert client.get(page("drivers", company)).status_code == 403


def test_an_administrator_chooses_the_company_first(client, company):
    client.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))

    listed = client.get(reverse("exchange:files"))
    chosen = client.get(reverse("exchange:files"), {"company": "acme"})

    assert list(listed.context["companies"]) == [company]
    assert chosen.context["company"] == company
    assert "Vehicles and layouts" in chosen.content.decode()


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_an_export_is_sent_and_kept_nowhere(client, company, manager, suffix):
    ClientFactory(company=company, name="Favre Marie", birth_day=date(1948, 2, 29))

    answer = client.get(page("clients", company, "export"), {"format": suffix})

    assert answer["Content-Disposition"].endswith(f'.{suffix}"')
    assert "no-store" in answer["Cache-Control"]
    if suffix == "csv":
        assert answer.content == take("clients", company)
    assert client.get(page("clients", company, "export"), {"format": "pdf"}).status_code == 404


def test_an_empty_form_has_the_headings_alone(client, company, manager):
    PlaceFactory(company=company)

    answer = client.get(page("places", company, "export"), {"empty": "1"})

    assert answer.content.decode("utf-8-sig").startswith("reference;name;kind;address;lat;lon")
    assert answer.content.count(b"\n") == 1


@pytest.mark.parametrize("rows", [1, 30])
def test_pages_cost_the_same_statements_however_many_rows(client, company, manager, rows):
    PlaceFactory.create_batch(rows, company=company)
    lines = "".join(f"N-{number};Neu {number};46;6\n" for number in range(rows))
    file = PLACES + lines

    def cost(ask):
        with CaptureQueriesContext(connection) as captured:
            ask()
        return sum(not is_control(query["sql"]) for query in captured)

    # The session, the person, the alerts of the sidebar; the company; partners and places.
    assert cost(lambda: client.get(reverse("exchange:files"))) == 3
    assert cost(lambda: client.get(page("places", company))) == 4
    assert cost(lambda: client.get(page("places", company, "export"))) == 5
    # And the company locked, the rows stored and forgotten again.
    assert cost(lambda: send(client, "places", company, file)) == 8


@pytest.mark.parametrize("slug", ["nobody", "%00", "a%20b", "%27"])
def test_a_company_that_is_none_is_not_found(client, slug):
    client.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))

    response = client.get(reverse("exchange:files") + f"?company={slug}")

    assert response.status_code == 404
