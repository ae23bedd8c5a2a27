"""Sign-ins are recorded and forgotten, sessions are listed and ended."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from accounts import retention, tasks
from accounts.models import Role, SignIn
from accounts.origins import browser_of, network_of
from accounts.services import people, sessions
from tests.factories import PASSWORD, CompanyFactory, SignInFactory, UserFactory

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
EDGE = f"{CHROME} Edg/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"


@pytest.fixture(autouse=True)
def cheap(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def user():
    return UserFactory(email="known@example.org", role=Role.MANAGER, language="en")


def attempt(client, email, password):
    return client.post(
        "/admin/login/",
        {"username": email, "password": password},
        REMOTE_ADDR="203.0.113.77",
        headers={"User-Agent": FIREFOX},
    )


def is_in(client):
    return client.get("/admin/").status_code == 200


@pytest.fixture
def others(client, user):
    """Two more browsers in which the person is signed in."""
    found = [type(client)(), type(client)()]
    for other in [client, *found]:
        other.force_login(user)
    return found


def test_who_signs_in_is_recorded_with_the_network_and_the_kind_of_browser(client, user):
    attempt(client, "Known@example.org", PASSWORD)

    (row,) = SignIn.objects.all()
    assert (row.user, row.company, row.succeeded) == (user, user.company, True)
    assert (row.network, row.browser) == ("203.0.113.0/24", "Firefox, Linux")
    assert row.session_key == client.session.session_key


@pytest.mark.parametrize("email", ["known@example.org", "nobody@example.org"])
def test_a_refused_try_is_recorded_whether_the_account_is_there_or_not(client, user, email):
    attempt(client, email, "wrong")

    (row,) = SignIn.objects.all()
    assert not row.succeeded
    assert row.session_key == ""
    assert row.user == (user if email == user.email else None)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("", ""),
    ],
)
def test_an_address_is_kept_as_its_network(rf, address, network):
    assert network_of(rf.get("/", REMOTE_ADDR=address)) == network


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (FIREFOX, "Firefox, Linux"),
        (CHROME, "Chrome, Windows"),
        (EDGE, "Edge, Windows"),
        (PHONE, "Safari, iPhone"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_a_browser_is_kept_as_its_kind(rf, agent, kind):
    assert browser_of(rf.get("/", headers={"User-Agent": agent})) == kind


def test_a_person_sees_the_own_sessions_and_ends_one(client, user, others):
    SignInFactory(session_key=type(client)().session.session_key or "x")  # of somebody else
    page = client.get(reverse("access:account"))
    listed = list(page.context["sessions"])
    gone = next(row for row in listed if row.session_key == others[0].session.session_key)

    client.post(reverse("access:end_session", args=[gone.pk]))

    assert len(listed) == 3
    assert [is_in(browser) for browser in (client, *others)] == [True, False, True]


def test_a_person_ends_all_others(client, others):
    client.post(reverse("access:end_others"))

    assert [is_in(browser) for browser in (client, *others)] == [True, False, False]


def test_somebody_elses_session_is_not_theirs_to_end(client, user, others):
    client.force_login(UserFactory(company=user.company))
    row = SignIn.objects.filter(user=user).last()

    client.post(reverse("access:end_session", args=[row.pk]))

    assert Session.objects.filter(session_key=row.session_key).exists()
    assert is_in(others[1])


def test_a_new_password_ends_the_sessions_elsewhere_and_keeps_this_one(client, user, others):
    new = "staple battery horse correct"
    client.post(
        reverse("admin:password_change"),
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )

    assert [is_in(browser) for browser in (client, *others)] == [True, False, False]
    (left,) = sessions.open_of(user=user, now=timezone.now())
    assert left.session_key == client.session.session_key


def test_a_leavers_sessions_are_gone_from_the_table(user, others):
    people.switch_off(user=user)

    assert not sessions.open_of(user=user, now=timezone.now()).exists()
    assert not Session.objects.exists()
    assert not is_in(others[0])


@pytest.mark.parametrize(
    ("page", "of"), [("accounts_user", "user"), ("accounts_signin", "sign-in")]
)
def test_a_manager_ends_the_sessions_of_the_own_people_alone(client, user, page, of):
    client.force_login(user)
    colleague, stranger = UserFactory(company=user.company), UserFactory()
    browsers = [type(client)(), type(client)()]
    for browser, person in zip(browsers, [colleague, stranger], strict=True):
        browser.force_login(person)
    chosen = [colleague.pk, stranger.pk]
    if of == "sign-in":
        chosen = [SignIn.objects.get(user=person).pk for person in (colleague, stranger)]

    client.post(
        reverse(f"admin:{page}_changelist"), {"action": "end_sessions", "_selected_action": chosen}
    )

    assert [is_in(browser) for browser in browsers] == [False, True]


@pytest.mark.parametrize(
    ("page", "lookup"),
    [("signin", "session_key"), ("signin", "user__password"), ("user", "password")],
)
def test_a_manager_does_not_guess_letter_by_letter_what_opens_a_session(client, user, page, lookup):
    client.force_login(UserFactory(role=Role.MANAGER, company=user.company))

    answer = client.get(f"/admin/accounts/{page}/", {f"{lookup}__startswith": "a"})

    assert answer.status_code == 400


def test_who_keeps_the_installation_is_out_of_a_managers_reach(client, user):
    keeper = UserFactory(role=Role.ADMINISTRATOR, company=user.company)
    browser = type(client)()
    browser.force_login(keeper)
    client.force_login(user)
    page = reverse("admin:accounts_signin_changelist")
    row = SignIn.objects.get(user=keeper)

    client.post(page, {"action": "end_sessions", "_selected_action": [row.pk]})

    assert is_in(browser)
    assert [row.user for row in client.get(page).context["cl"].result_list] == [user]
    assert {row.user for row in browser.get(page).context["cl"].result_list} == {user, keeper}


def test_who_works_for_another_company_signs_in_anew(client, user, others):
    keeper = type(client)()
    keeper.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))
    page = reverse("admin:accounts_user_change", args=[user.pk])
    form = {"email": user.email, "role": user.role, "language": "en", "is_active": "on"}
    keeper.post(page, {**form, "name": "Married", "company": user.company_id})
    assert is_in(others[0])

    keeper.post(page, {**form, "company": CompanyFactory().pk})

    user.refresh_from_db()
    assert user.name == ""
    assert [is_in(browser) for browser in (client, *others)] == [False, False, False]
    assert not sessions.open_of(user=user, now=timezone.now()).exists()


def test_tries_at_accounts_of_nobody_are_for_administrators(client, user):
    attempt(client, "nobody@example.org", "wrong")
    client.force_login(user)
    rows = client.get(reverse("admin:accounts_signin_changelist")).context["cl"].result_list
    assert [row.user for row in rows] == [user]

    client.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))

    rows = client.get(reverse("admin:accounts_signin_changelist")).context["cl"].result_list
    assert None in [row.user for row in rows]


def test_sign_ins_and_sessions_are_forgotten_in_time(settings, user):
    settings.KEEP_SIGN_INS_DAYS = 10
    now = timezone.now()
    for days in (30, 11, 9):
        SignInFactory(user=user, at=now - timedelta(days=days))
    Session.objects.create(session_key="old", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="new", expire_date=now + timedelta(days=1))

    gone = tasks.forget_sign_ins()

    assert (gone, SignIn.objects.count()) == (2, 1)
    assert [row.session_key for row in Session.objects.all()] == ["new"]
    assert tasks.forget_sign_ins() == 0


def test_forgetting_goes_in_batches(user):
    now = timezone.now()
    for _ in range(5):
        SignInFactory(user=user, at=now - timedelta(days=9))

    assert retention.forget_sign_ins(before=now, batch=2) == 5
    assert retention.forget_sign_ins(before=now, batch=2, batches=1) == 0
