"""Pages speak the language of the person and show the time of the company."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation

from atmr.local import LocalMiddleware
from tests.factories import CompanyFactory, UserFactory


def answer(user):
    """Ask for a page that tells its language and its zone."""
    request = RequestFactory().get("/")
    request.user = user

    def page(_request):
        return HttpResponse(f"{translation.get_language()} {timezone.get_current_timezone_name()}")

    with translation.override("en"):
        return LocalMiddleware(page)(request).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("company", "person", "shown"), [("de", "", "de"), ("de", "fr", "fr"), ("fr", "en", "en")]
)
def test_the_persons_language_goes_before_the_companys(company, person, shown):
    user = UserFactory(language=person, company=CompanyFactory(language=company))

    assert answer(user).split()[0] == shown


@pytest.mark.django_db
def test_times_are_those_of_the_company_and_of_a_new_one_for_an_administrator():
    abroad = CompanyFactory(time_zone="Europe/Lisbon")

    assert answer(UserFactory(company=abroad)).split()[1] == "Europe/Lisbon"
    assert answer(UserFactory(role="administrator", company=None)).split()[1] == "Europe/Zurich"


def test_a_stranger_is_answered_as_the_browser_asks():
    assert answer(AnonymousUser()) == "en UTC"
