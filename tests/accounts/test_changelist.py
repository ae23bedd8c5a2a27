"""The console's lists in pages: their links, their counts, and what may be done to all rows."""

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db import connection
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from unfold.admin import checkbox

from accounts import changelist, paging
from accounts.changelist import PagedAdmin
from accounts.models import Role
from bookings.admin import ClientAdmin
from bookings.models import Booking, Client
from dispatch.models import Alert
from tests import factories

pytestmark = pytest.mark.django_db

CLIENTS = "/admin/bookings/client/"
ALERTS = "/admin/dispatch/alert/"


@pytest.fixture
def company():
    return factories.CompanyFactory()


@pytest.fixture
def console(client, company):
    client.force_login(factories.UserFactory(company=company, language="en"))
    return client


@pytest.fixture
def pages_of_three(monkeypatch):
    monkeypatch.setattr(PagedAdmin, "list_per_page", 3)


def people(company, names):
    return [factories.ClientFactory(company=company, name=name) for name in names]


def shown(response):
    return [row.name for row in response.context["cl"].result_list]


def follow(console, response, link):
    return console.get(CLIENTS + response.context["cl"].paginator.links[link])


def test_all_rows_are_offered_where_not_all_are_listed(console, company):
    people(company, "AB")

    assert "Show all" not in console.get(CLIENTS).content.decode()
    assert "Show all" in console.get(f"{CLIENTS}?q=A").content.decode()
    assert "Show all" in console.get(f"{CLIENTS}?active__exact=1").content.decode()


@pytest.mark.usefixtures("pages_of_three")
def test_pages_lead_forth_back_and_to_the_start(console, company):
    people(company, "ABCDEFGH")

    first = console.get(CLIENTS)
    second = follow(console, first, "next")
    third = follow(console, second, "next")
    back = follow(console, third, "previous")

    assert [shown(page) for page in (first, second, third)] == [
        ["A", "B", "C"],
        ["D", "E", "F"],
        ["G", "H"],
    ]
    assert shown(back) == shown(second)
    assert set(first.context["cl"].paginator.links) == {"next"}
    assert set(third.context["cl"].paginator.links) == {"previous", "first"}
    assert shown(follow(console, third, "first")) == shown(first)
    assert 'rel="next"' in first.content.decode()


@pytest.mark.usefixtures("pages_of_three")
def test_pages_keep_filter_search_and_order(console, company):
    people(company, [f"A{number}" for number in range(5)])
    people(company, ["B"])
    factories.ClientFactory(company=company, name="A9", active=False)

    first = console.get(CLIENTS, {"active__exact": "1", "q": "A", "o": "-0"})
    second = follow(console, first, "next")

    assert shown(first) == ["A4", "A3", "A2"]
    assert shown(second) == ["A1", "A0"]
    assert shown(follow(console, second, "previous")) == shown(first)


@pytest.mark.usefixtures("pages_of_three")
def test_another_order_or_search_begins_at_the_start(console, company):
    people(company, "ABCDE")

    second = follow(console, console.get(CLIENTS), "next")

    assert "p=" not in second.context["cl"].get_query_string({"o": "-1"})
    assert 'name="p"' not in second.content.decode()


@pytest.mark.usefixtures("pages_of_three")
@pytest.mark.parametrize("order", range(7))
def test_every_column_that_can_be_ordered_by_pages_through_all_rows(console, company, order):
    made = people(company, "ABCDEFG")
    Client.objects.filter(pk=made[0].pk).update(partner=factories.PartnerFactory(company=company))

    page, seen = console.get(CLIENTS, {"o": str(order)}), []
    seen += shown(page)
    while "next" in page.context["cl"].paginator.links:
        page = follow(console, page, "next")
        seen += shown(page)

    assert sorted(seen) == list("ABCDEFG")


@pytest.mark.usefixtures("pages_of_three")
def test_a_page_costs_the_same_wherever_it_is(console, company):
    people(company, "ABCDEFGHIJ")
    first = console.get(CLIENTS)
    page = follow(console, first, "next")

    with CaptureQueriesContext(connection) as at_the_start:
        console.get(CLIENTS)
    with CaptureQueriesContext(connection) as further_on:
        follow(console, page, "next")

    assert len(at_the_start) == len(further_on)
    assert not [entry for entry in further_on if "OFFSET" in entry["sql"]]


@pytest.mark.parametrize(
    ("rows", "statements"),
    [
        (3, 5),  # session, person, alerts in the sidebar, a filter by a relation, the page
        (4, 6),  # more than one page: the rows are counted
        (9, 7),  # more than are counted: the planner estimates
    ],
)
def test_a_list_is_counted_where_its_page_does_not_tell(
    console, company, pages_of_three, monkeypatch, rows, statements, django_assert_num_queries
):
    monkeypatch.setattr(paging, "EXACT_UP_TO", 8)
    people(company, "ABCDEFGHI"[:rows])

    with django_assert_num_queries(statements):
        page = console.get(CLIENTS)

    assert page.context["cl"].paginator.is_exact == (rows < 9)


@pytest.mark.parametrize("token", ["nonsense", "eyJh:1tK:xyz", "%00", "1.5"])
def test_a_cursor_that_was_tampered_with_leads_to_the_start(console, company, token):
    people(company, "AB")

    response = console.get(f"{CLIENTS}?p={token}", follow=True)

    assert response.status_code == 200
    assert response.redirect_chain
    assert shown(response) == ["A", "B"]


def test_the_number_of_a_page_of_old_is_the_first_page(console, company):
    people(company, "AB")

    assert shown(console.get(CLIENTS, {"p": "7"})) == ["A", "B"]


@pytest.mark.usefixtures("pages_of_three")
def test_a_cursor_shows_nobody_of_another_company(console, company):
    stranger = factories.UserFactory(language="en")
    people(company, "ABCDE")
    people(stranger.company, "VWXYZ")
    link = console.get(CLIENTS).context["cl"].paginator.links["next"]

    console.force_login(stranger)

    assert shown(console.get(CLIENTS + link)) == ["V", "W", "X"]


@pytest.mark.usefixtures("pages_of_three")
def test_many_rows_are_estimated_and_the_page_says_so(console, company, monkeypatch):
    people(company, "ABCDE")
    counted = console.get(CLIENTS)
    monkeypatch.setattr(paging, "EXACT_UP_TO", 4)
    monkeypatch.setattr(paging, "count_of", lambda *_, **_how: paging.Count(1_234_567, False))

    estimated = console.get(CLIENTS)

    assert ">5 clients<" in _flat(counted)
    assert ">about 1,200,000 clients<" in _flat(estimated)
    assert "1234567" not in estimated.content.decode()


def _flat(response):
    return " ".join(response.content.decode().split()).replace("> ", ">").replace(" <", "<")


def test_all_rows_can_be_chosen_only_as_far_as_they_are_counted(
    console, company, pages_of_three, monkeypatch
):
    alerts = [factories.AlertFactory(company=company) for _ in range(5)]
    order = {
        "action": "resolve",
        "index": "0",
        "select_across": "1",
        "_selected_action": alerts[0].pk,
    }
    monkeypatch.setattr(paging, "EXACT_UP_TO", 4)

    page = console.get(ALERTS)
    refused = console.post(ALERTS, order, follow=True)

    assert "to select the objects across all pages" not in page.content.decode()
    assert "At most 4 rows" in refused.content.decode()
    assert not Alert.objects.filter(resolved_at__isnull=False).exists()

    monkeypatch.setattr(paging, "EXACT_UP_TO", 5)
    assert "Select all 5" in console.get(ALERTS).content.decode()
    console.post(ALERTS, order)
    assert not Alert.objects.filter(resolved_at__isnull=True).exists()


def test_every_list_of_the_console_goes_on_by_cursor(client):
    client.force_login(factories.UserFactory(role=Role.ADMINISTRATOR, company=None))

    for model, page in admin.site._registry.items():
        assert isinstance(page, PagedAdmin), model
        response = client.get(
            reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
        )
        assert paging.keys_of(response.context["cl"].queryset), model


@pytest.mark.usefixtures("pages_of_three")
def test_an_order_by_an_expression_falls_back_to_counted_pages(console, company, monkeypatch):
    monkeypatch.setattr(ClientAdmin, "get_ordering", lambda *_: [Lower("name")])
    people(company, "aBcDe")

    page = console.get(CLIENTS, {"p": "2"})

    assert shown(page) == ["D", "e"]
    assert page.context["cl"].paginator.__class__ is ModelAdmin.paginator


def test_headers_are_made_once_and_each_row_has_its_box(console, company, monkeypatch):
    bookings = factories.BookingFactory.create_batch(3, company=company)
    made, make = [], changelist._make_headers
    monkeypatch.setattr(changelist, "_make_headers", lambda of: made.append(of) or make(of))

    page = console.get("/admin/bookings/booking/").content.decode()

    boxes = [checkbox.render("_selected_action", str(booking.pk)) for booking in bookings]
    assert len(made) == 1
    assert [page.count(box) for box in boxes] == [1, 1, 1]


def test_no_filter_counts_every_row(console, company):
    people(company, "AB")

    with CaptureQueriesContext(connection) as statements:
        page = console.get(CLIENTS, {"_facets": "True"})

    assert shown(page) == ["A", "B"]
    assert not [entry for entry in statements if "FILTER (WHERE" in entry["sql"]]


@pytest.mark.parametrize("few", [0, 1, changelist.FEW])
def test_a_search_finds_what_django_would_find(rf, monkeypatch, few):
    monkeypatch.setattr(changelist, "FEW", few)
    request = rf.get("/")
    request.user = factories.UserFactory(role=Role.ADMINISTRATOR, company=None)
    for name in ("Rose Piguet", "Jean Morel", 'Anne "Rose"'):
        person = factories.ClientFactory(name=name)
        booking = factories.BookingFactory(client=person, partner_reference=f"Rosé {name[:2]}")
        factories.AlertFactory(booking=booking)
        factories.AssignmentFactory(booking=booking)
    factories.AlertFactory()

    found = 0
    for page in admin.site._registry.values():
        rows = page.get_queryset(request)
        for words in ("rose", "piguet rose", '"Rose Piguet"', "T0", "2027", "o", "", "nobody", "%"):
            ours, may_repeat = page.get_search_results(request, rows, words)
            theirs, _ = ModelAdmin.get_search_results(page, request, rows, words)
            assert not may_repeat
            assert set(ours) == set(theirs), (page, words)
            found += len(ours)
    assert found > 50


def test_a_search_joins_no_related_row_to_every_row(rf):
    request = rf.get("/")
    page = admin.site.get_model_admin(Booking)

    rows, _ = page.get_search_results(request, Booking.objects.all(), "rose")

    assert "JOIN" not in str(rows.query)
