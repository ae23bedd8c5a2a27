"""A real browser on a live server. Playwright runs an event loop in the thread of the tests."""

import pytest
from playwright.sync_api import sync_playwright

from dispatch.darp import search
from tests.factories import PASSWORD

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser(chromium):
    search.warm_up()  # compiling the kernels takes longer than a page may
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Django takes the event loop for a sign of asynchronous code; there is none in these tests.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="fr-CH")
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def sign_in(page, live_server):
    """Sign in as a person does, and come to the address given."""

    def sign_in_as(user, address="/admin/"):
        page.goto(f"{live_server.url}/admin/login/?next={address}")
        page.fill("input[name=username]", user.email)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{live_server.url}{address}**")

    return sign_in_as
