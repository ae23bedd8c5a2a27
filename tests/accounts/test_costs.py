"""What the pages of an account ask of the database: exactly, however often somebody signed in.

Each begins with the session and the person; most end with the alerts counted in the sidebar.
"""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_otp.oath import TOTP

from accounts.models import Role, SignIn
from accounts.services import links, secondfactor
from accounts.services.links import Purpose
from atmr.statements import is_control
from tests.factories import PASSWORD, CompanyFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
NEW = "staple battery horse correct"
two_sizes = pytest.mark.parametrize("rows", [1, 30])


@pytest.fixture(autouse=True)
def clock(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def user(client, rows):
    """Somebody who has so many more sessions open, among so many colleagues."""
    company = CompanyFactory()
    user = UserFactory(company=company, role=Role.MANAGER)
    for colleague in UserFactory.create_batch(rows, company=company):
        Client().force_login(colleague)
        Client().force_login(user)
    client.force_login(user)
    return user


def code_of(device):
    return f"{TOTP(device.bin_key).token():06d}"


def cost(ask, leads_to=None):
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    assert answer.get("Location") == leads_to, answer.content.decode()
    return sum(not is_control(query["sql"]) for query in captured)


@two_sizes
def test_the_own_page(client, user):
    assert cost(lambda: client.get(reverse("access:account"))) == 4  # and its open sessions


@two_sizes
def test_ending_sessions(client, user, rows):
    page = reverse("access:account")
    first = SignIn.objects.filter(user=user).earliest("pk")
    one = reverse("access:end_session", args=[first.pk])
    others = reverse("access:end_others")

    # The sign-ins, and the sessions that go.
    assert cost(lambda: client.post(one), page) == 4
    assert Session.objects.count() == 2 * rows
    assert cost(lambda: client.post(others), page) == 4
    assert Session.objects.count() == rows + 1


@two_sizes
def test_another_password(client, user):
    page = reverse("admin:password_change")
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}

    assert cost(lambda: client.get(page)) == 3
    # The password; the session under a new key, three; its sign-in; the others', and the end of
    # theirs; the session with what it tells.
    assert cost(lambda: client.post(page, form), f"{page}done/") == 12


@two_sizes
def test_the_second_factor(client, user, clock):
    enrol, verify, remove = (
        reverse(f"access:{page}") for page in ("enrol", "verify", "remove_factor")
    )
    device = secondfactor.begin(user=user)

    assert cost(lambda: client.get(enrol)) == 4  # and the device
    # The device twice, the second time locked; what it counts; older ones; it, confirmed; older
    # papers, the new one and its codes; the person; the session.
    form = {"code": code_of(device), "password": PASSWORD}
    assert cost(lambda: client.post(enrol, form)) == 13
    clock.shift(timedelta(minutes=1))
    client = Client()  # another browser, in which no code was shown yet
    client.force_login(user)
    assert cost(lambda: client.get(verify)) == 3
    assert cost(lambda: client.post(verify, {"code": code_of(device)}), "/admin/") == 5
    # The device; papers, their codes, and they; the person.
    form = {"password": PASSWORD}
    assert cost(lambda: client.post(remove, form), reverse("access:account")) == 7


@two_sizes
def test_a_link_from_a_letter(user):
    token = links.make(user=user, purpose=Purpose.RESET, now=NOW)
    client, page = Client(), reverse("access:link")
    form = {"new_password1": NEW, "new_password2": NEW}

    # No session and nobody signed in: a session is made for the link.
    assert cost(lambda: client.get(reverse("access:arrive", args=[token])), page) == 2
    assert cost(lambda: client.get(page)) == 2
    # The person twice, the second time to decide; the password; what ends sessions, counted and
    # read; the sign-ins, and their sessions; the link's own session, read and gone.
    assert cost(lambda: client.post(page, form), reverse("admin:login")) == 10
