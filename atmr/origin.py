"""Who asks from this machine itself, and what only they are shown."""

from django.conf import settings
from django.http import HttpRequest

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via")
LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1", ""})  # "" is a unix socket


def from_this_machine(request: HttpRequest) -> bool:
    """Say whether a request was made here; behind a proxy everybody seems to be, so nobody is."""
    if settings.BEHIND_PROXY or any(name in request.headers for name in FORWARDED):
        return False
    return request.META.get("REMOTE_ADDR", "") in LOOPBACK


def show_toolbar(request: HttpRequest) -> bool:
    """Show the debug toolbar to an administrator at this machine, in development only."""
    return settings.DEVTOOLS and from_this_machine(request) and request.user.is_superuser
