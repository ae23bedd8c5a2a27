"""The second factor: enrolled, asked for, enforced, reset; and nothing opens without it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Role, SignIn, User
from accounts.services import secondfactor
from tests.factories import PASSWORD, CompanyFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def user(clock):
    company = CompanyFactory(language="en")
    return UserFactory(email="known@example.org", role=Role.MANAGER, company=company)


def code_of(user, confirmed=True):
    device = TOTPDevice.objects.get(user=user, confirmed=confirmed)
    return f"{TOTP(device.bin_key).token():06d}"


@pytest.fixture
def paper(user, clock):
    """Enrol the person; the recovery codes come back, and the next code is a new one."""
    secondfactor.begin(user=user)
    codes = secondfactor.enrol(user=user, code=code_of(user, confirmed=False))
    clock.shift(timedelta(seconds=60))
    return codes


def enrol(client, code, password=PASSWORD, **request):
    return client.post(reverse("access:enrol"), {"code": code, "password": password}, **request)


def send(client, code):
    return client.post(reverse("access:verify"), {"code": code})


def page_after(client, address="/admin/fleet/driver/"):
    answer = client.get(address)
    return answer["Location"] if answer.status_code == 302 else answer.status_code


def test_a_person_enrols_with_the_picture_and_gets_recovery_codes_once(client, user):
    client.force_login(user)
    page = client.get(reverse("access:enrol"))
    assert 'src="data:image/svg+xml' in page.content.decode()

    answer = enrol(client, code_of(user, confirmed=False))

    codes = answer.context["codes"]
    assert len(set(codes)) == secondfactor.RECOVERY_CODES
    assert all(code in answer.content.decode() for code in codes)
    assert "no-store" in answer["Cache-Control"]
    assert page_after(client) == 200  # this session has shown it
    assert User.objects.get(pk=user.pk).second_factor


def test_a_wrong_code_enrols_nobody(client, user):
    client.force_login(user)
    client.get(reverse("access:enrol"))

    page = enrol(client, "000000")

    assert "This code is wrong" in page.content.decode()
    assert not User.objects.get(pk=user.pk).second_factor


@pytest.mark.parametrize("password", ["", "wrong"])
def test_who_finds_a_screen_unlocked_enrols_no_telephone_of_their_own(client, user, password):
    client.force_login(user)
    client.get(reverse("access:enrol"))

    page = enrol(client, code_of(user, confirmed=False), password)

    assert page.context["form"].errors.keys() == {"password"}
    assert not User.objects.get(pk=user.pk).second_factor
    assert enrol(client, code_of(user, confirmed=False)).context["codes"]  # it was not spent


def test_the_picture_stays_the_same_until_it_is_confirmed(client, user):
    client.force_login(user)

    first, second = (client.get(reverse("access:enrol")).context["secret"] for _ in range(2))

    assert first == second


def test_two_windows_at_once_do_not_keep_anybody_from_enrolling(client, user):
    client.force_login(user)
    for _ in range(2):  # what two windows do that do not see each other's device
        TOTPDevice.objects.create(user=user, confirmed=False, name="app")
    page = client.get(reverse("access:enrol"))
    first = TOTPDevice.objects.filter(user=user).earliest("pk")
    assert page.context["secret"] == secondfactor.secret_of(first)

    enrol(client, f"{TOTP(first.bin_key).token():06d}")

    assert TOTPDevice.objects.get(user=user).confirmed


@pytest.mark.parametrize(
    "page",
    [
        "/admin/",
        "/admin/bookings/booking/",
        "/admin/account/",
        "/admin/account/second-factor/",
        "/admin/password_change/",
        "/admin/database/",
    ],
)
def test_with_the_password_alone_no_page_opens(client, user, paper, page):
    client.force_login(user)

    assert page_after(client, page) == "/admin/account/code/"


def test_with_the_password_alone_no_endpoint_answers(client, user, paper):
    client.force_login(user)

    answer = client.get("/api/v1/company/runs/")

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:atmr:problem:second-factor-due"
    assert answer["Content-Type"] == "application/problem+json"


def test_the_code_opens_the_console(client, user, paper):
    client.force_login(user)

    assert send(client, code_of(user))["Location"] == "/admin/"
    assert page_after(client) == 200


def test_a_code_is_read_as_apps_show_it(client, user, paper):
    client.force_login(user)
    code = code_of(user)

    assert send(client, f" {code[:3]} {code[3:]} ").status_code == 302


def test_a_code_opens_one_session_only(client, user, paper):
    code = code_of(user)
    client.force_login(user)
    assert send(client, code).status_code == 302
    other = type(client)()
    other.force_login(user)

    assert send(other, code).status_code == 200
    assert page_after(other) == "/admin/account/code/"


def test_a_recovery_code_opens_once(client, user, paper):
    client.force_login(user)
    assert send(client, paper[0].upper()).status_code == 302
    other = type(client)()
    other.force_login(user)

    assert send(other, paper[0]).status_code == 200
    assert StaticToken.objects.count() == secondfactor.RECOVERY_CODES - 1


def test_codes_of_a_colleague_open_nothing(client, user, paper):
    colleague = UserFactory(company=user.company)
    secondfactor.begin(user=colleague)
    codes = secondfactor.enrol(user=colleague, code=code_of(colleague, confirmed=False))
    client.force_login(user)

    assert send(client, codes[0]).status_code == 200
    assert page_after(client) == "/admin/account/code/"


def test_after_a_wrong_code_even_the_right_one_has_to_wait(client, user, paper, clock):
    client.force_login(user)
    send(client, "000000")

    assert send(client, code_of(user)).status_code == 200
    clock.shift(timedelta(seconds=60))
    assert send(client, code_of(user)).status_code == 302


def test_wrong_codes_are_recorded_and_limited(client, user, paper, settings):
    settings.RATELIMIT_ENABLE = True
    client.force_login(user)

    statuses = [
        client.post(
            reverse("access:verify"), {"code": "000000"}, REMOTE_ADDR="203.0.113.99"
        ).status_code
        for _ in range(11)
    ]

    assert statuses[-1] == 429
    colleague = UserFactory(company=user.company)
    client.force_login(colleague)  # who shares the office's address
    page = enrol(client, "1", REMOTE_ADDR="203.0.113.99")
    assert page.status_code == 200
    assert SignIn.objects.filter(user=user, succeeded=False).count() == statuses.count(200)


def test_the_page_is_asked_for_nothing_by_who_has_no_second_factor(client, user):
    client.force_login(user)

    assert page_after(client, reverse("access:verify")) == "/admin/"
    assert page_after(client) == 200


def test_a_company_that_requires_it_leads_everybody_to_enrol(client, user):
    user.company.requires_second_factor = True
    user.company.save()
    client.force_login(user)

    assert page_after(client) == "/admin/account/second-factor/"
    assert client.get("/api/v1/company/runs/").status_code == 403
    client.get(reverse("access:enrol"))
    enrol(client, code_of(user, confirmed=False))
    assert page_after(client) == 200


def test_an_administrator_needs_it_where_the_installation_says_so(client, clock, settings):
    client.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))
    assert page_after(client) == 200

    settings.ADMINISTRATORS_SECOND_FACTOR = True

    assert page_after(client) == "/admin/account/second-factor/"


def test_it_is_removed_with_the_password_where_nobody_requires_it(client, user, paper):
    client.force_login(user)
    send(client, code_of(user))
    client.post(reverse("access:remove_factor"), {"password": "wrong"})
    assert User.objects.get(pk=user.pk).second_factor

    client.post(reverse("access:remove_factor"), {"password": PASSWORD})

    assert not User.objects.get(pk=user.pk).second_factor
    assert not TOTPDevice.objects.filter(user=user).exists()
    assert not StaticToken.objects.exists()


def test_it_stays_where_the_company_requires_it(client, user, paper):
    user.company.requires_second_factor = True
    user.company.save()
    client.force_login(user)
    send(client, code_of(user))

    page = client.post(reverse("access:remove_factor"), {"password": PASSWORD}, follow=True)

    assert "Your company requires a second factor" in page.content.decode()
    assert User.objects.get(pk=user.pk).second_factor


def test_a_manager_resets_it_for_who_lost_the_telephone(client, user, paper):
    manager = UserFactory(role=Role.MANAGER, company=user.company)
    lost = type(client)()
    lost.force_login(user)
    client.force_login(manager)

    client.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "reset_second_factor", "_selected_action": [user.pk]},
    )

    assert not User.objects.get(pk=user.pk).second_factor
    assert "/login/" in page_after(lost)


def test_the_gate_costs_no_statement(client, user, paper, django_assert_num_queries):
    client.force_login(user)
    send(client, code_of(user))

    with django_assert_num_queries(3):  # session, person with company, the past runs
        client.get("/api/v1/company/runs/")


def test_secrets_have_no_page_of_the_console(client):
    client.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))

    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404
    assert client.get("/admin/otp_static/staticdevice/").status_code == 404


def test_an_operator_resets_it_for_the_last_administrator(user, paper, capsys):
    call_command("reset_second_factor", "Known@Example.org")

    assert not User.objects.get(pk=user.pk).second_factor
    with pytest.raises(CommandError, match="Nobody signs in"):
        call_command("reset_second_factor", "nobody@example.org")
