"""Signing in, five tries a minute: per address, and per account from one address.

Somebody else's tries never lock an account out, because no limit is an account's alone. A minute
is a fixed one, not the last sixty seconds, and each address and account has its own.
"""

import ipaddress

import structlog
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django_ratelimit.core import get_usage

log = structlog.get_logger(__name__)

RATE = "5/m"
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing listens there: whoever has none shares one


@sensitive_post_parameters()
def sign_in(request: HttpRequest) -> HttpResponse:
    """Answer the admin's sign-in page, or say when to try again."""
    wait_s = _wait_s(request) if request.method == "POST" else 0
    return _too_many(request, wait_s) if wait_s else admin.site.login(request)


def client_address(request: HttpRequest) -> str:
    """Give the address that asks: behind our proxy, the one that the proxy has seen.

    A client writes what it likes at the head of the forwarded header; the proxy appends.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    for text in (forwarded.rpartition(",")[2], request.META.get("REMOTE_ADDR", "")):
        try:
            address = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            continue
        return str(getattr(address, "ipv4_mapped", None) or address)
    return UNKNOWN_ADDRESS


def _account_and_address(_group: str, request: HttpRequest) -> str:
    return f"{request.POST.get('username', '').strip().lower()} {client_address(request)}"


def _wait_s(request: HttpRequest) -> int:
    """Count this try, and give the seconds until the next one is heard; 0: this one is."""
    usages = [
        get_usage(request, group="sign-in", key=key, rate=RATE, increment=True)
        for key in ("ip", _account_and_address)
    ]
    return max((max(1, u["time_left"]) for u in usages if u and u["should_limit"]), default=0)


def _too_many(request: HttpRequest, wait_s: int) -> HttpResponse:
    log.warning("sign-in limited", wait_s=wait_s)
    message = ngettext(
        "Too many attempts to sign in. Try again in %(seconds)d second.",
        "Too many attempts to sign in. Try again in %(seconds)d seconds.",
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
