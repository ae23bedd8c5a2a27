"""From a forgotten password to the second factor, with the keyboard, in a real browser."""

import re

import pytest
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import expect

from tests.factories import CompanyFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW = "staple battery horse correct"


def test_a_person_comes_in_by_letter_and_telephone(page, live_server, mailoutbox, settings):
    settings.SITE_URL = live_server.url
    company = CompanyFactory(language="en", requires_second_factor=True)
    user = UserFactory(company=company, password="!")  # invited, without a password yet

    page.goto(f"{live_server.url}/admin/forgotten/")
    page.get_by_label("E-mail").fill(user.email)
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/**")
    page.goto(re.search(r"http://\S+", mailoutbox[0].body)[0])
    page.locator("input[name=new_password1]").fill(NEW)
    page.keyboard.press("Tab")
    page.keyboard.type(NEW)
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/**")
    page.locator("input[name=username]").fill(user.email)
    page.locator("input[name=password]").fill(NEW)
    page.keyboard.press("Enter")
    page.wait_for_url("**/second-factor/")
    device = TOTPDevice.objects.get(user=user)
    # The browser gives a field with autofocus the focus as a rule, not always.
    page.locator("input[name=code]").focus()
    page.keyboard.type(f"{TOTP(device.bin_key).token():06d}")
    page.locator("input[name=password]").fill(NEW)
    page.keyboard.press("Enter")

    expect(page.locator("ul li")).to_have_count(10)
    page.goto(f"{live_server.url}/admin/account/")
    expect(page.locator("#content, main").first).to_contain_text(user.email)
