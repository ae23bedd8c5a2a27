"""Invitations, forgotten passwords, other addresses: by a link that is good for one use."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import Company, Role, User
from accounts.services import companies, links, people, sessions
from accounts.services.links import LIFE, LinkNoLongerValid, Purpose
from accounts.tasks import send_link
from tests.factories import PASSWORD, CompanyFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
NEW = "staple battery horse correct"
PURPOSES = pytest.mark.parametrize("purpose", Purpose)


@pytest.fixture(autouse=True)
def cheap(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def user():
    return UserFactory(email="known@example.org", language="en")


def link_in(letter):
    return re.search(r"https?://[^/]+(/\S+)", letter.body)[1]


def choose(client, address, password=NEW):
    client.get(address)
    return client.post(
        reverse("access:link"), {"new_password1": password, "new_password2": password}, follow=True
    )


def make(user, purpose, address="new@example.org"):
    return links.make(user=user, purpose=purpose, now=NOW, address=address)


@PURPOSES
def test_a_link_is_good_until_its_time_is_over(user, purpose):
    token = make(user, purpose)

    assert links.read(token=token, now=NOW + LIFE[purpose] - timedelta(seconds=1)).user == user
    with pytest.raises(LinkNoLongerValid):
        links.read(token=token, now=NOW + LIFE[purpose])


@PURPOSES
@pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: f"x{t}", lambda _: "", str.upper])
def test_a_link_that_was_tampered_with_is_none(user, purpose, spoil):
    with pytest.raises(LinkNoLongerValid):
        links.read(token=spoil(make(user, purpose)), now=NOW)


@PURPOSES
@pytest.mark.parametrize("change", ["password", "email", "switched off", "ended", "deleted"])
def test_a_link_ends_with_what_it_was_made_for(user, purpose, change):
    token = make(user, purpose)

    if change == "password":
        user.set_password(NEW)
        user.save()
    elif change == "email":
        User.objects.filter(pk=user.pk).update(email="other@example.org")
    elif change == "switched off":
        people.switch_off(user=user)
    elif change == "ended":
        sessions.end_all(user=user)
    else:
        user.delete()

    with pytest.raises(LinkNoLongerValid):
        links.read(token=token, now=NOW)


def test_a_link_stays_dead_for_who_comes_back(user):
    token = make(user, Purpose.RESET)
    people.switch_off(user=user)
    User.objects.filter(pk=user.pk).update(is_active=True)

    with pytest.raises(LinkNoLongerValid):
        links.read(token=token, now=NOW)


def test_a_link_for_one_thing_does_no_other(user):
    with pytest.raises(LinkNoLongerValid):
        people.set_password(token=make(user, Purpose.ADDRESS), password=NEW, now=NOW)
    with pytest.raises(LinkNoLongerValid):
        people.confirm_address(token=make(user, Purpose.RESET), now=NOW)


def test_who_is_invited_chooses_a_password_and_signs_in(client, mailoutbox):
    manager = UserFactory(role=Role.MANAGER, language="en")
    client.force_login(manager)
    form = {"email": "New@Example.org", "name": "New", "role": Role.DISPATCHER, "language": "de"}
    client.post(reverse("admin:accounts_user_add"), form)
    send_link(user_id=User.objects.get(email="new@example.org").pk, purpose="invitation")
    client.logout()

    (letter,) = mailoutbox
    answer = choose(client, link_in(letter))

    assert letter.to == ["new@example.org"]
    assert letter.subject == "Ihr Zugang zu ATMR"
    assert "Sign in with it" in answer.content.decode() or answer.redirect_chain
    assert client.login(username="new@example.org", password=NEW)
    assert User.objects.get(email="new@example.org").company == manager.company


def test_the_link_is_out_of_the_address_before_the_page_is_shown(client, user):
    answer = client.get(reverse("access:arrive", args=[make(user, Purpose.RESET)]))

    assert (answer.status_code, answer["Location"]) == (302, "/admin/link/")
    assert "no-store" in answer["Cache-Control"]


def test_what_is_no_link_of_ours_leaves_no_session_behind(client):
    answer = client.get(reverse("access:arrive", args=["x" * 4000]), follow=True)

    assert answer.status_code == 410
    assert not Session.objects.exists()


@time_machine.travel(NOW, tick=False)
def test_a_link_is_used_once(client, user):
    address = reverse("access:arrive", args=[make(user, Purpose.RESET)])
    choose(client, address)

    again = choose(client, address, "quite another password")

    assert again.status_code == 410
    assert "was used already" in again.content.decode()
    assert client.login(username=user.email, password=NEW)


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("password", ["short", "1234567890123", "password1"])
def test_a_weak_password_is_refused_and_the_link_stays(client, user, password):
    address = reverse("access:arrive", args=[make(user, Purpose.RESET)])

    refused = choose(client, address, password)

    assert refused.status_code == 200
    assert refused.context["form"].errors
    assert not choose(client, address).context["form"].errors
    assert client.login(username=user.email, password=NEW)


@time_machine.travel(NOW, tick=False)
def test_a_new_password_ends_the_sessions_elsewhere(client, user):
    other = type(client)()
    other.force_login(user)
    token = make(user, Purpose.RESET)

    people.set_password(token=token, password=NEW, now=NOW)

    assert other.get("/admin/").status_code == 302


def test_forgotten_is_answered_alike_whoever_asks(
    client, user, mailoutbox, django_assert_num_queries
):
    UserFactory(email="left@example.org", is_active=False)
    answers = {}
    for email in ("Known@example.org", "nobody@example.org", "left@example.org"):
        page = client.post(reverse("admin_password_reset"), {"email": email}, follow=True)
        text = page.content.decode().replace(email, "")
        answers[email] = re.sub(r'csrfmiddlewaretoken" value="\w+"', "", text)

    assert len(set(answers.values())) == 1
    assert [letter.to for letter in mailoutbox] == [["known@example.org"]]


def test_the_page_asks_the_database_the_same_for_known_and_unknown(
    client, user, django_assert_num_queries, monkeypatch
):
    asked = []
    monkeypatch.setattr(send_link, "delay", lambda **order: asked.append(order))
    for email in ("known@example.org", "nobody@example.org"):
        with django_assert_num_queries(1):
            client.post(reverse("admin_password_reset"), {"email": email})

    assert asked == [
        {"user_id": user.pk, "purpose": "reset"},
        {"user_id": None, "purpose": "reset"},
    ]


def test_another_address_is_confirmed_there_and_the_old_one_told(client, user, mailoutbox):
    client.force_login(user)
    form = {"email": "New@Example.org", "password": PASSWORD}
    client.post(reverse("access:account"), form)
    user.refresh_from_db()
    assert user.email == "known@example.org"
    client.get(link_in(mailoutbox[0]))
    assert User.objects.get(pk=user.pk).email == "known@example.org"  # looking changes nothing

    client.post(reverse("access:link"))

    user.refresh_from_db()
    assert user.email == "new@example.org"
    assert [letter.to for letter in mailoutbox] == [["new@example.org"], ["known@example.org"]]


def test_another_address_takes_the_password(client, user, mailoutbox):
    client.force_login(user)

    page = client.post(reverse("access:account"), {"email": "new@example.org", "password": "wrong"})

    assert "This is not your password." in page.content.decode()
    assert mailoutbox == []


def test_an_address_that_is_taken_is_answered_the_same_and_told(client, user, mailoutbox):
    UserFactory(email="taken@example.org")
    client.force_login(user)
    form = {"email": "taken@example.org", "password": PASSWORD}

    page = client.post(reverse("access:account"), form, follow=True)

    assert "We wrote to the new address" in page.content.decode()
    (letter,) = mailoutbox
    assert letter.to == ["taken@example.org"]
    assert "/link/" not in letter.body


def test_an_address_taken_meanwhile_is_refused(user):
    token = make(user, Purpose.ADDRESS)
    UserFactory(email="new@example.org")

    with pytest.raises(people.AddressTaken):
        people.confirm_address(token=token, now=NOW)


@pytest.mark.parametrize("page", ["admin_password_reset", "access:link", "access:account"])
def test_forms_without_a_password_are_limited_too(client, user, settings, page):
    settings.RATELIMIT_ENABLE = True
    client.force_login(user)

    statuses = [
        client.post(reverse(page), {"email": "a"}, REMOTE_ADDR="203.0.113.77").status_code
        for _ in range(12)
    ]

    assert statuses[-1] == 429


def test_a_leaver_is_out_with_the_next_click(client, user):
    client.force_login(user)
    assert client.get("/admin/").status_code == 200

    people.switch_off(user=user)

    assert client.get("/admin/").status_code == 302


def test_a_session_stays_ended_for_who_comes_back(client, user):
    client.force_login(user)

    people.switch_off(user=user)
    User.objects.filter(pk=user.pk).update(is_active=True)

    assert client.get("/admin/").status_code == 302


def test_a_manager_switches_a_colleague_off_but_not_themselves(client):
    manager = UserFactory(role=Role.MANAGER, language="en")
    colleague = UserFactory(company=manager.company)
    stranger = UserFactory()
    client.force_login(manager)
    chosen = [manager.pk, colleague.pk, stranger.pk]

    page = client.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "switch_off", "_selected_action": chosen},
        follow=True,
    )

    left = User.objects.filter(is_active=True)
    assert set(left) == {manager, stranger}
    assert "You cannot switch yourself off." in page.content.decode()


def test_a_manager_neither_reads_nor_chooses_a_colleagues_password_or_address(client):
    manager = UserFactory(role=Role.MANAGER)
    colleague = UserFactory(company=manager.company)
    client.force_login(manager)

    address = reverse("admin:accounts_user_change", args=[colleague.pk])
    page = client.get(address)
    client.post(address, {"email": "mine@example.org", "role": "viewer", "is_active": "on"})

    assert "id_password" not in page.content.decode()
    assert "email" not in page.context["adminform"].form.fields
    assert User.objects.get(pk=colleague.pk).email == colleague.email
    assert User.objects.get(pk=colleague.pk).role == Role.VIEWER


COMMAND = ["create_company", "acme", "--name", "Acme", "--manager", "First@Example.org"]


def test_a_company_begins_with_a_manager_who_chooses_a_password(client, mailoutbox, capsys):
    call_command(*COMMAND, "--language", "en")

    manager = User.objects.get(email="first@example.org")
    assert (manager.role, manager.company.slug) == (Role.MANAGER, "acme")
    assert not manager.has_usable_password()
    choose(client, link_in(mailoutbox[0]))
    assert client.login(username="first@example.org", password=NEW)


def test_a_company_made_twice_is_refused_and_stays_as_it_was(mailoutbox):
    call_command(*COMMAND)

    with pytest.raises(CommandError, match="Choose another short name"):
        call_command(*COMMAND)

    assert Company.objects.count() == User.objects.count() == len(mailoutbox) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("slug", "a b"), ("email", "nobody"), ("language", "it"), ("time_zone", "Geneva")],
)
def test_what_no_company_could_have_is_refused(field, value):
    fields = {
        "slug": "acme",
        "name": "Acme",
        "email": "a@example.org",
        "manager": "",
        "language": "fr",
        "time_zone": "Europe/Zurich",
    }
    with pytest.raises(companies.NotACompany):
        companies.open_company(**fields | {field: value})


def test_a_manager_of_elsewhere_leaves_no_company_behind():
    UserFactory(email="first@example.org", company=CompanyFactory())

    with pytest.raises(CommandError, match="signs in with this address already"):
        call_command(*COMMAND)

    assert not Company.objects.filter(slug="acme").exists()


def test_without_a_mail_server_the_command_says_what_is_there(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    with pytest.raises(CommandError, match="the letter could not be sent"):
        call_command(*COMMAND)

    assert Company.objects.filter(slug="acme").exists()


def test_a_developer_reads_letters_in_files(settings, tmp_path, capsys, user):
    settings.EMAIL_BACKEND = "accounts.mail.ConsoleAndFile"
    settings.EMAIL_FILE_PATH = tmp_path

    send_link(user_id=user.pk, purpose="reset")

    (path,) = tmp_path.iterdir()
    captured = capsys.readouterr()
    assert "/admin/link/" in path.read_text()
    assert "/admin/link/" in captured.err
    assert captured.out == ""
