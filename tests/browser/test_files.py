"""A file in a real browser: its errors, its differences, and what is stored."""

import pytest
from playwright.sync_api import expect

from accounts.models import Role
from fleet.models import Place
from tests.exchange.files import DOCS
from tests.factories import CompanyFactory, PlaceFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FILES = "/admin/files/"


def test_a_manager_brings_places(page, sign_in, tmp_path):
    company = CompanyFactory(name="Exemple Transports", language="fr")
    PlaceFactory(company=company, reference="L-1", name="Ancien dépôt", kind="base")
    bad = tmp_path / "lieux.csv"
    bad.write_text(
        "Référence;Nom;Latitude;Longitude;Type\nL-1;Gare;91;6,14;gare\n;Clinique;46,2;;\n",
        encoding="cp1252",
    )
    sign_in(UserFactory(company=company, role=Role.MANAGER), FILES)
    page.screenshot(path=tmp_path / "files.png")
    page.get_by_role("row", name="Lieux").get_by_role("link", name="Choisir un fichier").click()

    page.set_input_files("input[type=file]", bad)
    page.get_by_role("button", name="Montrer les différences").click()
    expect(page.locator("table.errors tbody tr")).to_have_count(3)
    expect(page.locator("table.errors")).to_contain_text("Écrivez la latitude en degrés")
    page.screenshot(path=tmp_path / "errors.png", full_page=True)

    page.set_input_files("input[type=file]", DOCS / "places.csv")
    page.get_by_role("button", name="Montrer les différences").click()
    expect(page.locator("table.differences tbody tr")).to_have_count(6)
    expect(page.locator("table.differences del").first).to_have_text("Ancien dépôt")
    page.screenshot(path=tmp_path / "preview.png", full_page=True)
    assert Place.objects.count() == 1

    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator("body")).to_contain_text("5 nouvelles entrées, 1 modifiées")
    page.screenshot(path=tmp_path / "stored.png")
    assert Place.objects.filter(company=company).count() == 6
