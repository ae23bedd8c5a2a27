"""The console's lists in a real browser: pages forth and back."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.factories import BookingFactory, CompanyFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BOOKINGS = "/admin/bookings/booking/"


def test_a_long_list_is_paged_through_and_back(page, sign_in, tmp_path):
    company = CompanyFactory(language="en")
    BookingFactory.create_batch(60, company=company)
    sign_in(UserFactory(company=company), BOOKINGS)
    rows, pages = page.locator("#result_list tbody tr"), page.get_by_label("Pages")
    expect(rows).to_have_count(50)
    expect(pages).to_contain_text("60 bookings")

    pages.get_by_role("link", name="Next page").click()
    expect(rows).to_have_count(10)
    page.screenshot(path=tmp_path / "list.png")
    expect(pages.get_by_role("link", name="Next page")).to_have_count(0)

    pages.get_by_role("link", name="Previous page").click()
    expect(rows).to_have_count(50)


def test_the_list_is_taken_along_as_a_file(page, sign_in):
    company = CompanyFactory(language="en")
    BookingFactory(company=company)
    sign_in(UserFactory(company=company), BOOKINGS)

    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export as CSV").click()

    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    assert waiting.value.suggested_filename.startswith("bookings-")
    assert len(text.splitlines()) == 2
