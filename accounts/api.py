"""What every endpoint shares: who asks, for which company, what the role allows, pages."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated

from accounts.models import Company
from accounts.permissions import may, signed_in

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


class Pages(CursorPagination):
    """Pages by cursor: they cost the same at the end of a list as at its start."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering: Any = ("-id",)
