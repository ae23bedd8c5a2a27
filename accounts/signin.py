"""Signing in, five tries a minute: per address, and per account from one address.

Somebody else's tries never lock an account out, because no limit is an account's alone. A minute
is a fixed one, not the last sixty seconds, and each address and account has its own.
"""

import structlog
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django_ratelimit.core import get_usage

from accounts.origins import client_address

log = structlog.get_logger(__name__)

RATE = "5/m"


@sensitive_post_parameters()
def sign_in(request: HttpRequest) -> HttpResponse:
    """Answer the admin's sign-in page, or say when to try again."""
    return too_often(request, "sign-in", "username") or admin.site.login(request)


def too_often(
    request: HttpRequest, group: str, field: str = "", *, per: str = "ip"
) -> HttpResponse | None:
    """Count a form that was sent, and say when to try again if there were too many.

    They are counted per address (`ip`), or per person once one is signed in (`user`): an office
    has one address. Those of an address are counted per what is typed into `field` too.
    """
    if request.method != "POST":
        return None

    def account_and_address(_group: str, request: HttpRequest) -> str:
        return f"{request.POST.get(field, '').strip().lower()} {client_address(request)}"

    keys = (per, account_and_address) if field else (per,)
    usages = [get_usage(request, group=group, key=key, rate=RATE, increment=True) for key in keys]
    wait_s = max((max(1, u["time_left"]) for u in usages if u and u["should_limit"]), default=0)
    return _too_many(request, group, wait_s) if wait_s else None


def _too_many(request: HttpRequest, group: str, wait_s: int) -> HttpResponse:
    log.warning("too many attempts", group=group, wait_s=wait_s)
    message = ngettext(
        "Too many attempts. Try again in %(seconds)d second.",
        "Too many attempts. Try again in %(seconds)d seconds.",
        wait_s,
    ) % {"seconds": wait_s}
    context = {
        **admin.site.each_context(request),
        "title": _("Too many attempts"),
        "message": message,
    }
    return TemplateResponse(
        request,
        "accounts/too_many_attempts.html",
        context,
        status=429,
        headers={"Retry-After": str(wait_s), "Cache-Control": "no-store"},
    )
