"""The demonstration's day on a laptop. It is also the picture in the README:

ATMR_SCREENSHOT=docs/images/day.png python -m pytest tests/browser/test_demo_day.py
"""

import os

import pytest
import time_machine
from playwright.sync_api import expect

from accounts.models import Company
from dispatch.demo import seeding
from dispatch.services import planning
from tests.factories import DAY, UserFactory, on_day

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def morning():
    """The demonstration's day, planned at six o'clock; it is half past six."""
    with time_machine.travel(on_day(6), tick=True) as clock:
        seeding.seed_day(day=DAY, bookings=100, drivers=20, seed=0, now=on_day(6))
        company = Company.objects.get(slug="demo")
        overrides = {"budget_s": 2.0}
        planning.plan_day(company=company, day=DAY, now=on_day(6), overrides=overrides, apply=True)
        clock.move_to(on_day(6, 30))
        yield company


def test_a_day_of_a_hundred_bookings_fits_a_laptop(page, sign_in, morning, tmp_path):
    person = UserFactory(company=morning, name="Anne Rochat", language="fr")
    sign_in(person, f"/admin/day/{morning.slug}/{DAY}/")

    expect(page.locator("details.driver")).to_have_count(20)
    page.screenshot(path=os.environ.get("ATMR_SCREENSHOT", tmp_path / "day.png"))

    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
