"""What every endpoint shares: who asks, for which company, what the role allows, pages."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Field, QuerySet
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.fields import DateTimeField
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.relations import PrimaryKeyRelatedField
from rest_framework.serializers import ModelSerializer
from rest_framework.utils.urls import replace_query_param

from accounts import paging
from accounts.models import Company
from accounts.permissions import may, of_company, signed_in

if TYPE_CHECKING:  # the framework's views import these classes, as its settings tell them to
    from rest_framework.request import Request
    from rest_framework.views import APIView

ACTIONS = {"GET": "view", "HEAD": "view", "POST": "add", "PATCH": "change", "DELETE": "delete"}


class SignedIn(SessionAuthentication):
    """The console's session. Who has none gets 401, who may not gets 403."""

    def authenticate_header(self, request: "Request") -> str:  # noqa: ARG002
        return 'Session realm="atmr"'


class MayByRole(IsAuthenticated):
    """The table of roles, for the model whose rows the view serves."""

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        if not super().has_permission(request, view):
            return False
        label = view.serializer_class.Meta.model._meta.label_lower  # type: ignore[attr-defined]
        # A method that the view does not offer is answered as such, after this.
        action = ACTIONS.get(request.method or "", "view")
        return may(signed_in(request), action, label)


def company_of(request: "Request") -> Company:
    """Give the company of who asks.

    :raises PermissionDenied: an administrator belongs to none.
    """
    company = signed_in(request).company
    if company is None:
        raise PermissionDenied(_("Sign in as a person of a company."), code="no-company")
    return company


class CompanyRelatedField(PrimaryKeyRelatedField):
    """A relation whose rows are those of the caller's company; any other does not exist."""

    def get_queryset(self) -> QuerySet | None:
        rows = super().get_queryset()
        return rows and of_company(rows, company_of(self.context["request"]).pk)


class Instant(DateTimeField):
    """An instant, sent in UTC whoever asks, and taken with any offset but never without one."""

    timezone = UTC

    def enforce_timezone(self, value: datetime) -> datetime:
        if is_naive(value):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+hh:mm")
        return super().enforce_timezone(value)


class RowSerializer(ModelSerializer):
    """A row, its instants in UTC: a partner's program reads the same as a dispatcher's."""

    serializer_field_mapping: ClassVar[dict[type[Field], type]] = {
        **ModelSerializer.serializer_field_mapping,
        models.DateTimeField: Instant,
    }


class Pages(CursorPagination):
    """Pages by cursor: they cost the same at the end of a list as at its start."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering: Any = ("-id",)

    def paginate_queryset(self, queryset: Any, request: "Request", view: Any = None) -> list[Any]:
        """Read a page. Equal values are told apart by the id, not by counting them off."""
        self.request = request
        self.base_url = request.build_absolute_uri()
        rows = queryset.order_by(*self.get_ordering(request, queryset, view))
        self.keys = paging.keys_of(rows) or []
        token = request.query_params.get(self.cursor_query_param)
        try:
            cursor = paging.Cursor.of_token(token, self.keys) if token else None
        except paging.BadCursor as exc:
            raise NotFound(self.invalid_cursor_message) from exc
        size = self.get_page_size(request) or self.max_page_size
        self.read: paging.Page[Any] = paging.page_of(rows, self.keys, cursor, size)
        return self.read.rows

    def get_next_link(self) -> str | None:
        return self._link(self.read.next)

    def get_previous_link(self) -> str | None:
        return self._link(self.read.previous)

    def _link(self, edge: paging.Cursor | None) -> str | None:
        if edge is None:
            return None
        return replace_query_param(
            self.base_url or "", self.cursor_query_param, edge.token(self.keys)
        )
