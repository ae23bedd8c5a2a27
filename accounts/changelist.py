"""The console's lists: pages by cursor, and rows counted only as far as it is cheap."""

from functools import cache
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets, helpers
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.text import smart_split, unescape_string_literal
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, checkbox
from unfold.decorators import display
from unfold.templatetags import unfold_list
from unfold.views import ChangeList

from accounts import paging

# To so many related rows a search goes by their ids; more are looked at as the list comes by them.
FEW = 1000

_make_headers = unfold_list.result_headers


def _headers(changes: ChangeList) -> list[dict[str, Any]]:
    """Make the headers of a list once: Unfold makes them again for every row, a fifth of a page."""
    if "headers" not in vars(changes):
        changes.headers = list(_make_headers(changes))
    headers: list[dict[str, Any]] = changes.headers
    return headers


unfold_list.result_headers = _headers


class Pages:
    """What the template below a list is told, in the place of Django's paginator."""

    template_name = "accounts/pages.html"
    num_pages = 1

    def __init__(self, count: paging.Count, links: dict[str, str]) -> None:
        self.count = count.number
        self.is_exact = count.is_exact
        self.links = links

    @property
    def total(self) -> str:
        """How many rows there are. Of what was not counted, two figures are all we can stand by."""
        number = self.count if self.is_exact else int(float(f"{self.count:.1e}"))
        return number_format(number, decimal_pos=0, force_grouping=True)


class KeysetChangeList(ChangeList):  # type: ignore[misc]
    """A list whose next page begins where this one ends; its place is a cursor in the address."""

    def get_results(self, request: HttpRequest) -> None:
        keys = paging.keys_of(self.queryset)
        if keys is None or self.list_editable:  # ordered by an expression, or edited in place
            super().get_results(request)
            return
        token = request.GET.get(PAGE_VAR, "")
        try:
            # A number is a page of the time when pages were counted.
            cursor = paging.Cursor.of_token(token, keys) if token.strip("0123456789") else None
        except paging.BadCursor as exc:
            raise IncorrectLookupParameters from exc
        # The order of the list itself has its index; the columns that people may choose have none.
        page = paging.page_of(
            self.queryset, keys, cursor, self.list_per_page, ids_first=ORDER_VAR in self.params
        )
        is_whole = cursor is None and page.next is None
        count = (
            paging.Count(len(page.rows), is_exact=True)
            if is_whole
            else paging.count_of(self.queryset, is_searched=bool(self.query))
        )
        edges = {"previous": page.previous, "next": page.next}
        links = {
            name: self.get_query_string({PAGE_VAR: edge.token(keys)})
            for name, edge in edges.items()
            if edge is not None
        }
        if cursor is not None:
            links["first"] = self.get_query_string()
        self.paginator = Pages(count, links)
        self.result_list = page.rows
        # An estimate is no number of rows that a button could promise to act on.
        self.result_count = count.number if count.is_exact else len(page.rows)
        # "Show all" is offered beside the number of rows where not all are listed.
        is_part = count.is_exact and bool(self.query or self.has_active_filters)
        self.full_result_count = None if is_part else self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False


@cache
def _box() -> str:
    """The box before each row, as a text with a place for the row's number."""
    made: str = checkbox.render(helpers.ACTION_CHECKBOX_NAME, "number")
    return made.replace("{", "{{").replace("}", "}}").replace('"number"', '"{}"')


class WholeList(KeysetChangeList):
    """The list without its pages: only which rows it has, and in which order."""

    def get_results(self, request: HttpRequest) -> None:
        """Read nothing."""


class PagedAdmin(ModelAdmin):  # type: ignore[misc]
    """An admin whose list is such a list, and whose actions reach no further than it counts."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count every row, once for each filter
    has_export = False  # its page links to `export/`, with the filters of the list

    @display(description=ModelAdmin.action_checkbox.short_description)  # type: ignore[untyped-decorator]
    def action_checkbox(self, obj: Model) -> str:
        """Fill the number into a box made once: from its template it costs more than the row."""
        return format_html(_box(), obj.pk)

    def listed(self, request: HttpRequest) -> QuerySet:
        """Give all rows of the list as the address filters and orders them."""
        request.wants_whole_list = True  # type: ignore[attr-defined]
        rows: QuerySet = self.get_changelist_instance(request).queryset
        return rows

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[KeysetChangeList]:
        return WholeList if hasattr(request, "wants_whole_list") else KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find rows by each word: in their own columns, or as those of a related row that has it.

        Django joins every related row to every row first, so no index tells which rows to read.
        """
        paths = [path.split("__") for path in self.get_search_fields(request)]
        for word in smart_split(search_term) if paths else []:
            text = (
                unescape_string_literal(word) if word[0] in "\"'" and word[-1] == word[0] else word
            )
            ways = _ways(self.model, paths, text)
            queryset = queryset.filter(Q(*ways, _connector=Q.OR))
        return queryset, False

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Refuse to act on all rows when they are more than the page could have named."""
        acts_on_all = request.POST.get("select_across") not in {None, "", "0"}
        if acts_on_all and not paging.count_of(queryset).is_exact:
            words = _("At most %(most)d rows can be chosen at once. Narrow the list down first.")
            self.message_user(request, words % {"most": paging.EXACT_UP_TO}, messages.ERROR)
            return None
        answer: HttpResponse | None = super().response_action(request, queryset)
        return answer


def _ways(model: type[Model], paths: list[list[str]], text: str) -> list[tuple[str, Any]]:
    """Give the look-ups for a text in a column of the row itself or of one that it points to.

    The rows pointed to are looked up at once, unless they are many: by their ids the planner knows
    how many rows it will find, and goes by an index to the few or along the list to the many.
    """
    ways: list[tuple[str, Any]] = [
        (f"{name}__icontains", text) for name, *further in paths if not further
    ]
    relations: dict[str, list[list[str]]] = {}
    for name, *further in paths:
        if further:
            relations.setdefault(name, []).append(further)
    for name, further_paths in relations.items():
        related: Any = model._meta.get_field(name).related_model
        theirs = _ways(related, further_paths, text)
        rows = related._default_manager.filter(Q(*theirs, _connector=Q.OR)).order_by()
        ids = list(rows.values_list("pk", flat=True)[: FEW + 1])
        if len(ids) > FEW:
            ways += [(f"{name}__{look_up}", value) for look_up, value in theirs]
        else:
            ways.append((f"{name}__in", ids))
    return ways
