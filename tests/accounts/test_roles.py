"""The table of roles against what answers: every page, action and endpoint, by everybody.

Pages are found by walking the routes and the admin's registry: one without a rule fails. What a
role may is asked as a person of the company, as one of another company, and as nobody.
"""

import logging

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.template import loader
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, get_resolver, reverse
from django_celery_results.models import TaskResult
from unfold.sites import UnfoldAdminSite
from zeal import zeal_ignore

from accounts import roles
from accounts.models import Company, Role
from atmr.errors import DomainError
from atmr.statements import verb
from dispatch.console.decisions import STEPS
from dispatch.models import DispatchRun, RunState
from dispatch.services import planning
from tests import factories
from tests.accounts.doors import doors_of, named_routes, rule_of

DOCUMENT = "docs/roles.md"
EVERYBODY = [*Role, "stranger", "nobody"]
WRITING = {"INSERT", "UPDATE", "DELETE"}
# Signing in and out writes a session whoever comes; a refusal is a message in it.
OWN_TABLES = ("django_session", "accounts_user")


@pytest.fixture(autouse=True)
def silence():
    """A thousand requests are not worth their lines."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def unwritten(monkeypatch):
    """Leave pages unwritten: who may see them is decided before, and other tests read them."""
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", property(lambda _self: ""))
    monkeypatch.setattr(loader, "render_to_string", lambda *_args, **_kwargs: "")
    monkeypatch.setattr(UnfoldAdminSite, "each_context", lambda *_args: {})
    monkeypatch.setattr(planning, "plan_day", refuse)  # it would load the compiled kernels
    with zeal_ignore():
        yield


def refuse(**_order):
    raise DomainError("Not in a test of doors.")


def rows_of(company):
    """Make one row of each model with a page."""
    rows = {Company: company}
    for model in admin.site._registry:
        if model is TaskResult:
            rows[model] = TaskResult.objects.create(task_id=f"task-{company.pk}")
        elif model is not Company:
            fields = {"state": RunState.FAILED} if model is DispatchRun else {}  # nothing to apply
            maker = getattr(factories, f"{model.__name__}Factory")
            rows[model] = maker(company=company, **fields)
    return rows


@pytest.fixture
def company():
    return factories.CompanyFactory()


@pytest.fixture
def rows(company):
    return rows_of(company)


@pytest.fixture
def client_of(company):
    def sign_in(who):
        client = Client(raise_request_exception=False)
        if who != "nobody":
            home = None if who == Role.ADMINISTRATOR else company
            home = factories.CompanyFactory() if who == "stranger" else home
            role = Role.MANAGER if who == "stranger" else who
            client.force_login(factories.UserFactory(role=role, company=home))
        return client

    return sign_in


def outcome(response, door):
    """Say whether an answer lets somebody in; of another company's row, that there is none."""
    if response.status_code == 302:
        where = response["Location"]
        is_led_home = where == "/admin/" and door.is_of_a_company
        return "shut" if "/login/" in where else "absent" if is_led_home else "open"
    assert response.status_code < 500, response.request["PATH_INFO"]
    known = {401: "shut", 403: "shut", 404: "absent", 405: "no such method"}
    return known.get(response.status_code, "open")


def expected(who, door, company):
    """Read off the table what a door should answer."""
    if door.rule == roles.MACHINE:  # which a test's client is
        return "open"
    if who == "nobody":
        return "open" if door.rule == roles.ANYONE else "shut"
    is_stranger = who == "stranger"
    role = Role.MANAGER if is_stranger else who
    if door.is_endpoint and role == Role.ADMINISTRATOR:
        return "shut"  # belongs to no company
    if not roles.allows(role, door.rule, action=door.action) or door.is_shown_only:
        return "shut"
    return "absent" if is_stranger and door.is_of_a_company else "open"


def ask(client, door):
    """Come to a door; what an open one writes is taken back, and a cookie that it takes."""
    cookies = client.cookies.copy()
    with transaction.atomic(), CaptureQueriesContext(connection) as sent:
        form = {"content_type": "application/json"} if door.is_endpoint and door.form else {}
        answer = getattr(client, door.method.lower())(door.address, door.form, **form)
        transaction.set_rollback(True)
    client.cookies = cookies
    written = [q["sql"] for q in sent if verb(q["sql"]) in WRITING]
    return outcome(answer, door), [sql for sql in written if not any(t in sql for t in OWN_TABLES)]


@pytest.mark.django_db
@pytest.mark.parametrize("who", EVERYBODY)
def test_every_page_and_endpoint_answers_as_the_table_says(
    who, company, rows, client_of, unwritten
):
    client = client_of(who)
    wrong, opened = [], set()

    for door in doors_of(rows):
        allowed = expected(who, door, company)
        if (door.address, door.action, allowed) in opened:
            continue  # the form of a page that has just opened, under the same rule
        found, written = ask(client, door)
        if found == "open":
            opened.add((door.address, door.action, found))
        if found not in {allowed, "no such method"} or (found != "open" and written):
            wrong.append(f"{door.method} {door.address}: {found}, not {allowed} {written}")

    assert wrong == [], "\n".join(wrong)


def test_every_route_has_a_rule():
    assert [name for name in named_routes() if rule_of(name) is None] == []


def test_every_rule_has_its_route_or_action():
    actions = {
        f"{model._meta.label_lower}:{name}"
        for model, page in admin.site._registry.items()
        for name in page.actions
    }

    assert set(roles.PAGES) - set(named_routes()) - actions == set()


def test_every_page_shows_rows_that_the_table_knows():
    labels = {model._meta.label_lower for model in admin.site._registry}

    assert labels == set(roles.TABLE)


def test_every_decision_is_in_the_table_with_its_permission():
    offered = {}
    for step in STEPS:
        app, _, codename = step.permission.partition(".")
        action, _, model = codename.partition("_")
        offered[step.slug] = f"{action} {app}.{model}"

    assert offered == roles.DECISIONS


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role)
def test_lists_offer_the_actions_of_the_table(role, rf, company):
    request = rf.get("/")
    request.user = factories.UserFactory(role=role, company=company)
    wrong = []

    for model, page in admin.site._registry.items():
        label = model._meta.label_lower
        rules = {name: roles.PAGES.get(f"{label}:{name}") for name in page.actions}
        if page.has_delete_permission(request):
            rules["delete_selected"] = f"delete {label}"
        if label == "bookings.booking":
            many = [step.slug for step in STEPS if step.for_many]
            rules |= {f"decide_{slug}": roles.DECISIONS[slug] for slug in many}
        allowed = {name for name, rule in rules.items() if rule and roles.allows(role, rule)}
        if set(page.get_actions(request)) != allowed or None in rules.values():
            wrong.append((label, set(page.get_actions(request)), allowed))

    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("who", [Role.VIEWER, Role.DRIVER, "stranger", "nobody"])
def test_an_action_that_is_not_offered_or_not_theirs_changes_nothing(
    who, rows, client_of, unwritten
):
    client = client_of(who)
    wrong = []

    for model, row in rows.items():
        page = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
        before = model.objects.filter(pk=row.pk).values().get()
        for name in _names_of(model):
            form = {"action": name, "_selected_action": row.pk, "post": "yes"}
            with transaction.atomic():
                client.post(page, form)
                if model.objects.filter(pk=row.pk).values().first() != before:
                    wrong.append((page, name))
                transaction.set_rollback(True)

    assert wrong == []


def _names_of(model):
    page = admin.site._registry[model]
    decisions = [f"decide_{step.slug}" for step in STEPS if step.for_many]
    extra = decisions if model._meta.label_lower == "bookings.booking" else []
    return ["delete_selected", *page.actions, *extra]


def test_the_document_is_what_the_table_says(settings):
    assert (settings.BASE_DIR / DOCUMENT).read_text() == roles.document()


def test_what_is_not_in_the_table_is_nobodys():
    for role in Role:
        assert roles.actions_of(role, "sessions.session") == frozenset()
        assert not roles.allows(role, "view sessions.session")
    assert not any(roles.actions_of(Role.DRIVER, label) for label in roles.TABLE)


def test_the_routes_are_walked():
    names = set(named_routes())

    assert {"run-list", "console:plan", "admin:fleet_shift_history"} <= names
    with pytest.raises(NoReverseMatch):
        reverse("console:plan")
    assert get_resolver().url_patterns
