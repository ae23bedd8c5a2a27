"""An administrator looks at the database; nothing on the page complains."""

import pytest
from playwright.sync_api import expect

from accounts.models import Role
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_database_page_opens_from_the_sidebar(page, sign_in):
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    sign_in(UserFactory(role=Role.ADMINISTRATOR, company=None, language="en"))

    page.get_by_role("link", name="Database").click()

    for heading in ("Waiting for a lock now", "Connections", "Indexes", "Tables"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    rows = page.locator("section", has=page.get_by_role("heading", name="Tables")).locator("tr")
    expect(rows.filter(has_text="bookings_booking").first).to_be_visible()
    assert errors == []
