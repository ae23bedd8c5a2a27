"""The gate behind the password: without a second factor that is due, no page but those that ask.

It costs no statement: what it asks is read with the person and with the session.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts import roles
from accounts.models import User
from accounts.services import secondfactor

PASSED = "second_factor"  # in the session, the id of who has shown it
ALWAYS = {"admin:logout", "admin:jsi18n"}


class SecondFactorGate:
    """Middleware, after the one that knows who asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        match = request.resolver_match
        name = match.view_name if match else ""
        if name in ALWAYS or roles.PAGES.get(name) in {roles.ANYONE, roles.MACHINE}:
            return None
        page = page_due(request)
        if page is None or name == page:
            return None
        if request.path.startswith("/api/"):
            return _problem()
        return redirect(page)


def page_due(request: HttpRequest) -> str | None:
    """Name the page that this person must pass first; None: all are open."""
    user = request.user
    if not isinstance(user, User):
        return None
    if user.second_factor:
        return None if request.session.get(PASSED) == user.pk else "access:verify"
    needed = secondfactor.is_required(user, of_administrators=settings.ADMINISTRATORS_SECOND_FACTOR)
    return "access:enrol" if needed else None


def _problem() -> HttpResponse:
    body = {
        "type": "urn:atmr:problem:second-factor-due",
        "title": "Second factor due",
        "status": 403,
        "detail": _("Sign in to the console with your second factor first."),
    }
    return JsonResponse(body, status=403, content_type="application/problem+json")
