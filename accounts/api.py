"""What every endpoint shares: who asks, for which company, what the role allows, pages."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Field, QuerySet
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.fields import DateTimeField
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.relations import PrimaryKeyRelatedField
from rest_framework.serializers import ModelSerializer

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
