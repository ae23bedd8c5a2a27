"""Pages by cursor: each row on exactly one of them, whatever the order, and what they cost."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import signing
from django.db.models import F, Q
from django.db.models.functions import Lower
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import paging
from bookings.models import Client
from dispatch.models import Alert, Assignment
from tests import factories

pytestmark = pytest.mark.django_db

ORDERS = [
    ["name", "id"],
    ["-name", "-pk"],
    ["birth_day", "id"],
    ["-birth_day", "id"],
    ["-active", "mobility", "-birth_day", "pk"],
    ["partner__name", "-id"],
    ["-partner__name", "name", "id"],
    ["-partner", "-home", "id"],
    ["phone", F("name").desc(), "id"],
]
a_row = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Anne", "Béatrice", "anne", "Zoé"]),
        "birth_day": st.sampled_from([None, date(1940, 1, 2), date(1951, 3, 4)]),
        "active": st.booleans(),
        "mobility": st.sampled_from(["walks", "wheelchair"]),
        "partner": st.sampled_from([None, 0, 1]),
        "home": st.sampled_from([None, 0]),
        "phone": st.sampled_from(["", "+41223720000"]),
    }
)


@pytest.fixture
def stored():
    """Store rows as they are drawn, in place of those of the example before."""
    company = factories.CompanyFactory()
    partners = [
        factories.PartnerFactory(company=company, name="Same"),
        factories.PartnerFactory(company=company, name="Same"),
    ]
    homes = [factories.PlaceFactory(company=company)]

    def add(drawn):
        made = [
            Client(
                company=company,
                **row
                | {
                    "partner": None if row["partner"] is None else partners[row["partner"]],
                    "home": None if row["home"] is None else homes[row["home"]],
                },
            )
            for row in drawn
        ]
        return [client.pk for client in Client.objects.bulk_create(made)]

    return add


def walked(rows, size, cursor=None, *, backwards=False, between=lambda: None, ids_first=False):
    """Follow the links to the end; give the pages in the order in which they were read."""
    keys = paging.keys_of(rows)
    pages = []
    while True:
        token = cursor and cursor.token(keys)
        edge = token and paging.Cursor.of_token(token, keys)
        page = paging.page_of(rows, keys, edge, size, ids_first=ids_first)
        pages.append(page)
        cursor = page.previous if backwards else page.next
        if cursor is None:
            return pages
        between()


def ids(pages):
    return [row.pk for page in pages for row in page.rows]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    drawn=st.lists(a_row, max_size=12),
    later=st.lists(a_row, max_size=4),
    order=st.sampled_from(ORDERS),
    size=st.integers(1, 5),
    ids_first=st.booleans(),
)
def test_every_row_is_on_one_page_forth_and_back_while_rows_come_in(
    stored, drawn, later, order, size, ids_first
):
    Client.objects.all().delete()
    before = set(stored(drawn))
    rows = Client.objects.order_by(*order)
    expected = [row.pk for row in rows]
    left = iter(later)

    forth = walked(rows, size, ids_first=ids_first)
    assert ids(forth) == expected
    assert all(len(page.rows) == size for page in forth[:-1])
    if len(forth) > 1:
        back = walked(rows, size, forth[-1].previous, backwards=True, ids_first=ids_first)
        assert ids(reversed(back)) == expected[: -len(forth[-1].rows)]

    meanwhile = walked(
        rows, size, between=lambda: stored([row for row in [next(left, None)] if row])
    )
    seen = ids(meanwhile)
    assert len(seen) == len(set(seen))
    assert before <= set(seen)
    order_now = [row.pk for row in rows.all()]
    assert [order_now.index(pk) for pk in seen] == sorted(order_now.index(pk) for pk in seen)


def test_more_equal_values_than_any_page_are_told_apart():
    rows = Alert.objects.order_by("-raised_at", "-id")
    alert = factories.AlertFactory(raised_at=datetime(2027, 3, 10, 12, 0, 0, 123456, UTC))
    fields = {"company": alert.company, "kind": alert.kind, "raised_at": alert.raised_at}
    Alert.objects.bulk_create([Alert(**fields) for _ in range(1200)])

    assert ids(walked(rows, 200)) == [row.pk for row in rows]


def test_a_page_costs_one_statement_wherever_it_is(django_assert_num_queries):
    for number in range(5):
        factories.ClientFactory(name=f"Client {number}")
    rows = Client.objects.order_by("partner__name", "id")
    keys = paging.keys_of(rows)
    first = paging.page_of(rows, keys, None, 2)

    with django_assert_num_queries(1):
        paging.page_of(rows, keys, first.next, 2)


def test_rows_found_twice_by_a_search_are_paged_once():
    company = factories.CompanyFactory()
    drivers = factories.DriverFactory.create_batch(2, company=company)
    clients = factories.ClientFactory.create_batch(5, company=company)
    for client in clients:
        client.preferred_drivers.set(drivers)
    rows = Client.objects.filter(preferred_drivers__isnull=False).order_by("-name", "id").distinct()

    assert sorted(ids(walked(rows, 2, ids_first=True))) == sorted(client.pk for client in clients)


def test_what_is_joined_is_joined_to_the_rows_of_the_page_alone(django_assert_num_queries):
    factories.ClientFactory()
    rows = Client.objects.select_related("home").order_by("mobility", "id")

    with django_assert_num_queries(1) as statements:
        paging.page_of(rows, paging.keys_of(rows), None, 2, ids_first=True)

    _outer, _in, inner = statements[0]["sql"].partition(" IN (SELECT ")
    assert "LIMIT 3" in inner
    assert "JOIN" not in inner


def test_the_edge_of_a_page_is_a_bound_that_an_index_takes():
    rows = Assignment.objects.order_by("-pickup_at", "-id")
    keys = paging.keys_of(rows)
    cursor = paging.Cursor((datetime(2027, 3, 10, tzinfo=UTC), 7), is_backwards=False)

    condition = paging._beyond(keys, cursor)

    assert ("pickup_at__lte", cursor.values[0]) in condition.children


@pytest.mark.parametrize(
    "order", [[Lower("name")], ["?"], ["preferred_drivers"], [F("birth_day").asc(nulls_first=True)]]
)
def test_an_order_that_no_page_can_go_on_from_is_said_to_be_none(order):
    assert paging.keys_of(Client.objects.order_by(*order)) is None
    assert paging.keys_of(Client.objects.all()) is None


def test_a_cursor_that_was_changed_or_is_of_another_order_is_refused():
    keys = paging.keys_of(Client.objects.order_by("name", "id"))
    others = paging.keys_of(Client.objects.order_by("-name", "id"))
    token = paging.Cursor(("Anne", 1), is_backwards=False).token(keys)

    assert paging.Cursor.of_token(token, keys).values == ("Anne", 1)
    for keys_now, bad in [
        (keys, token[:-1]),
        (keys, "x"),
        (keys, signing.dumps(["name,id", False, ["Anne", 1]])),
        (others, token),
    ]:
        with pytest.raises(paging.BadCursor):
            paging.Cursor.of_token(bad, keys_now)


def test_an_instant_comes_back_to_the_microsecond():
    keys = paging.keys_of(Alert.objects.order_by("raised_at", "id"))
    instant = datetime(2027, 3, 10, tzinfo=UTC) + timedelta(microseconds=1)

    token = paging.Cursor((instant, 1), is_backwards=True).token(keys)

    assert paging.Cursor.of_token(token, keys).values == (instant, 1)


def test_few_rows_are_counted_and_many_are_estimated(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(paging, "EXACT_UP_TO", 3)
    company = factories.CompanyFactory()
    stored = [factories.ClientFactory(company=company) for _ in range(5)]
    few = Client.objects.filter(pk__lte=stored[2].pk).order_by("name")

    with django_assert_num_queries(1):
        counted = paging.count_of(few)
    with django_assert_num_queries(2):  # the bounded count and the plan, which reads no row
        estimated = paging.count_of(Client.objects.filter(~Q(name="")).order_by("name"))

    assert counted == paging.Count(3, is_exact=True)
    assert not estimated.is_exact
    assert estimated.number >= 4


def test_of_a_search_that_very_many_rows_match_none_is_counted(
    monkeypatch, django_assert_num_queries
):
    for _ in range(3):
        factories.ClientFactory()
    rows = Client.objects.order_by("name")

    with django_assert_num_queries(2):
        few = paging.count_of(rows, is_searched=True)
    monkeypatch.setattr(paging, "SURELY_MANY", 0)
    with django_assert_num_queries(1):
        many = paging.count_of(rows, is_searched=True)

    assert few == paging.Count(3, is_exact=True)
    assert not many.is_exact
    assert many.number > 0
