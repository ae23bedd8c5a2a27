"""Pages in the language of the person who reads them, and in the time of their company."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts.models import Company

_FIRST_ZONE: str = Company._meta.get_field("time_zone").get_default()


class LocalMiddleware:
    """Answer each person in their own language, else the company's, on the company's clock.

    Administrators have no company; they read the clock that companies start with.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not user.is_authenticated:
            return self.get_response(request)
        company = user.company
        zone = company.tz if company else ZoneInfo(_FIRST_ZONE)
        language = user.language or (company and company.language)
        with timezone.override(zone):
            if language:
                translation.activate(language)
                request.LANGUAGE_CODE = translation.get_language()
            return self.get_response(request)
