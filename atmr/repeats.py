"""Development: what a page reads row by row, as zeal sees it, told in the log."""

import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from zeal import zeal_context
from zeal.signals import nplusone_detected

from atmr.statements import call_site

log = structlog.get_logger(__name__)

_told: ContextVar[set[tuple[str, str]] | None] = ContextVar("_told", default=None)

# The log tells it with the request's ids; zeal would tell it once more, as a warning.
warnings.filterwarnings("ignore", message=r"N\+1 detected", category=UserWarning)


class RepeatLog:
    """Middleware: one warning for each relation that a request reads row by row."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _told.set(set())
        try:
            with zeal_context():
                return self.get_response(request)
        finally:
            _told.reset(token)


@receiver(nplusone_detected)
def _tell(*, exception: Exception, **_: Any) -> None:
    told, found = _told.get(), (str(exception), call_site())
    if told is not None and found not in told:
        told.add(found)
        log.warning("read row by row", what=found[0], site=found[1])
