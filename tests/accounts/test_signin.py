"""Signing in: right, wrong, unknown, too often, and with the cache gone."""

import time
from pathlib import Path

import pytest
import structlog
from django.core.cache import cache
from django.urls import reverse
from django.utils import translation

from accounts.models import Role
from accounts.origins import UNKNOWN_ADDRESS, client_address
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

URL = "/admin/login/"


ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"
CHEAP = "django.contrib.auth.hashers.MD5PasswordHasher"


@pytest.fixture(autouse=True)
def english(settings):
    settings.LANGUAGE_CODE = "en"
    settings.PASSWORD_HASHERS = [CHEAP]
    with translation.override("en"):
        yield


@pytest.fixture
def limited(settings, monkeypatch):
    """Turn the limit on, in a minute that does not end while a test runs."""
    settings.RATELIMIT_ENABLE = True
    end = int(time.time()) + 40
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda *_: end)
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def attempt(client):
    def sign_in(email, password, address="203.0.113.5"):
        return client.post(URL, {"username": email, "password": password}, REMOTE_ADDR=address)

    return sign_in


def same_page(response):
    """Take out of a page what differs each time: the e-mail typed, the token."""
    page = response.content.decode()
    for field in ("username", "csrfmiddlewaretoken"):
        before, mark, rest = page.partition(f'name="{field}"')
        assert mark
        page = before + rest.partition(">")[2]
    return page


def test_the_page_is_the_admins(client):
    assert reverse("admin:login") == URL
    assert client.get(URL).status_code == 200


def test_the_right_password_opens_the_console(attempt, client):
    user = UserFactory(email="right@example.org")

    response = attempt("Right@Example.org", PASSWORD)

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_wrong_and_unknown_get_the_same_answer(attempt):
    UserFactory(email="known@example.org")

    wrong = attempt("known@example.org", "not the password")
    unknown = attempt("nobody@example.org", "not the password")

    assert wrong.status_code == unknown.status_code == 200
    assert "correct email and password" in wrong.content.decode().replace("e-mail", "email")
    assert same_page(wrong) == same_page(unknown)


@pytest.mark.parametrize("fields", [{"is_active": False}, {"role": Role.DRIVER}])
def test_who_may_not_enter_is_told_what_a_wrong_password_is_told(attempt, fields):
    UserFactory(email="known@example.org", **fields)

    refused = attempt("known@example.org", PASSWORD)
    unknown = attempt("nobody@example.org", PASSWORD)

    assert same_page(refused) == same_page(unknown)


def test_wrong_and_unknown_take_comparable_time(attempt, settings):
    settings.PASSWORD_HASHERS = [ARGON2]
    user = UserFactory(email="known@example.org")
    user.set_password(PASSWORD)
    user.save()

    def seconds(email):
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            attempt(email, "not the password")
            taken.append(time.perf_counter() - start)
        return min(taken)

    ratio = seconds("known@example.org") / seconds("nobody@example.org")
    assert 0.5 < ratio < 2  # without a hash for the unknown, the ratio is above 5


def test_a_password_kept_otherwise_is_kept_with_argon2_from_the_next_sign_in(attempt, settings):
    settings.PASSWORD_HASHERS = [ARGON2, CHEAP]
    user = UserFactory(email="known@example.org")

    attempt("known@example.org", PASSWORD)

    user.refresh_from_db()
    assert user.password.startswith("argon2$argon2id$")


def test_the_sixth_try_is_refused_and_says_when_to_come_back(attempt, limited):
    UserFactory(email="known@example.org")
    answers = [attempt("known@example.org", "wrong").status_code for _ in range(5)]

    refused = attempt("known@example.org", PASSWORD)

    assert answers == [200] * 5
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60
    assert f"Try again in {refused['Retry-After']} seconds" in refused.content.decode()
    assert "_auth_user_id" not in refused.client.session


def test_an_address_is_limited_whatever_the_account(attempt, limited):
    for number in range(5):
        attempt(f"person{number}@example.org", "wrong")

    assert attempt("another@example.org", "wrong").status_code == 429


def test_another_address_never_locks_an_account_out(attempt, limited):
    UserFactory(email="known@example.org")
    for _ in range(8):
        attempt("known@example.org", "wrong", address="198.51.100.9")

    assert attempt("known@example.org", PASSWORD, address="203.0.113.5").status_code == 302


def test_an_account_is_limited_across_the_minutes_of_its_address(attempt, limited, monkeypatch):
    """The minute of an address and of its account end at different seconds: each is counted."""
    ends = {"203.0.113.5": 100, "known@example.org 203.0.113.5": int(time.time()) + 40}
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, _: ends[value])
    for _ in range(5):
        attempt("known@example.org", "wrong")
    ends["203.0.113.5"] = 160  # the address has a new minute

    assert attempt("known@example.org", "wrong").status_code == 429


def test_looking_at_the_page_is_no_try(client, limited):
    statuses = {client.get(URL).status_code for _ in range(8)}

    assert statuses == {200}


def test_the_refusal_is_translated(attempt, client, limited):
    for _ in range(6):
        response = client.post(URL, {"username": "a@b.ch"}, headers={"Accept-Language": "de"})

    assert response.status_code == 429
    assert 'lang="de"' in response.content.decode()


@pytest.mark.parametrize(("fail_open", "status"), [(True, 302), (False, 429)])
def test_without_its_cache_the_limit_fails_as_configured(
    attempt, limited, settings, tmp_path: Path, fail_open, status
):
    UserFactory(email="known@example.org")
    default = settings.CACHES["default"]
    settings.CACHES = {"default": {**default, "LOCATION": f"unix://{tmp_path}/gone.sock"}}
    settings.RATELIMIT_FAIL_OPEN = fail_open

    response = attempt("known@example.org", PASSWORD)

    assert response.status_code == status


def test_in_production_people_sign_in_without_the_cache(settings):
    assert settings.RATELIMIT_FAIL_OPEN is True


@pytest.mark.parametrize(
    ("behind_proxy", "meta", "expected"),
    [
        (False, {"REMOTE_ADDR": "203.0.113.5"}, "203.0.113.5"),
        (False, {"REMOTE_ADDR": "203.0.113.5", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}, "203.0.113.5"),
        (True, {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4, 5.6.7.8"}, "5.6.7.8"),
        (True, {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "nonsense"}, "10.0.0.1"),
        (True, {"REMOTE_ADDR": "10.0.0.1"}, "10.0.0.1"),
        (True, {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "2001:db8::1"}, "2001:db8::1"),
        (False, {"REMOTE_ADDR": "::ffff:203.0.113.5"}, "203.0.113.5"),
        (False, {"REMOTE_ADDR": ""}, UNKNOWN_ADDRESS),
    ],
)
def test_the_address_is_the_one_that_can_be_trusted(rf, settings, behind_proxy, meta, expected):
    settings.BEHIND_PROXY = behind_proxy

    assert client_address(rf.get("/", **meta)) == expected


def test_a_server_on_a_socket_counts_all_tries_together(attempt, limited):
    for number in range(5):
        attempt(f"person{number}@example.org", "wrong", address="")

    assert attempt("another@example.org", "wrong", address="").status_code == 429


def test_sign_ins_are_logged_by_id(attempt, client, settings):
    user = UserFactory(email="known@example.org")

    with structlog.testing.capture_logs() as logs:
        attempt("known@example.org", "wrong")
        attempt("nobody@example.org", "wrong")
        attempt("known@example.org", PASSWORD)
        client.post(reverse("admin:logout"))

    events = [
        (entry["event"], entry["account_id"]) for entry in logs if entry["event"] != "request"
    ]
    assert events == [
        ("sign-in refused", user.pk),
        ("sign-in refused", None),
        ("signed in", user.pk),
        ("signed out", user.pk),
    ]
    assert "example.org" not in str(logs)


def test_limits_are_off_in_other_tests(attempt):
    statuses = {attempt("nobody@example.org", "wrong").status_code for _ in range(8)}

    assert statuses == {200}


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/"])
def test_protected_pages_send_to_the_sign_in_page(client, path):
    assert client.get(path).url.startswith(URL)


def test_who_came_to_no_page_in_particular_is_led_to_the_front_page(attempt):
    UserFactory(email="known@example.org")

    assert attempt("known@example.org", PASSWORD)["Location"] == "/admin/"
