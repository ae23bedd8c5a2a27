"""The API's routes, and the one shape of its errors: problem details (RFC 9457)."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import IntegrityError
from django.db.models import Model
from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    NotFound,
    PermissionDenied,
    ValidationError,
)
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from atmr.errors import DomainError, refusal_of
from atmr.routing import reads_replica
from dispatch.api import AssignmentViewSet, MetricsViewSet, RunViewSet


class Router(SimpleRouter):
    """Routes whose reads may be answered by the replica."""

    def get_urls(self) -> list[Any]:
        urls = super().get_urls()
        for url in urls:
            if url.callback is not None:
                url.callback = reads_replica(url.callback)
        return urls


router = Router()
router.register("company/runs", RunViewSet, basename="run")
router.register("company/assignments", AssignmentViewSet, basename="assignment")
router.register("company/metrics", MetricsViewSet, basename="metrics")


def problem_of(exc: Exception, _context: dict[str, Any]) -> Response | None:
    """Answer an error as problem details; None for a bug, which fails loudly."""
    if isinstance(exc, IntegrityError):
        exc = refusal_of(exc) or exc
    if isinstance(exc, DomainError):
        details = {name: _plain(value) for name, value in exc.details.items()}
        more = {"details": details} if details else {}
        return _problem(status.HTTP_409_CONFLICT, exc.code, str(exc), **more)
    if isinstance(exc, Http404):
        exc = NotFound()
    elif isinstance(exc, DjangoPermissionDenied):
        exc = PermissionDenied()
    if isinstance(exc, ValidationError):
        errors = [
            {"pointer": pointer, "code": error.code, "detail": str(error)}
            for pointer, error in _pointed(exc.detail, "#")
        ]
        return _problem(exc.status_code, "invalid", ValidationError.default_detail, errors=errors)
    if isinstance(exc, APIException):
        return _of_framework(exc)
    return None


def _of_framework(exc: APIException) -> Response:
    code = str(exc.get_codes()).replace("_", "-")
    answer = _problem(exc.status_code, code, exc.detail)
    if challenge := getattr(exc, "auth_header", None):
        answer["WWW-Authenticate"] = challenge
    if wait_s := getattr(exc, "wait", None):
        answer["Retry-After"] = str(round(wait_s))
    return answer


def _problem(status_code: int, code: str, detail: Any, **more: Any) -> Response:
    set_rollback()
    body = {
        "type": f"urn:atmr:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status_code,
        "detail": str(detail),
        **more,
    }
    return Response(body, status=status_code, content_type="application/problem+json")


def _pointed(detail: Any, pointer: str) -> Iterator[tuple[str, ErrorDetail]]:
    """Walk nested errors; a pointer names the field in the document that was sent."""
    if isinstance(detail, ErrorDetail):
        yield pointer, detail
    elif isinstance(detail, dict):
        for name, inner in detail.items():
            is_whole = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _pointed(inner, pointer if is_whole else f"{pointer}/{name}")
    elif all(isinstance(inner, ErrorDetail) for inner in detail):
        yield from ((pointer, inner) for inner in detail)
    else:
        for number, inner in enumerate(detail):
            yield from _pointed(inner, f"{pointer}/{number}")


def _plain(value: Any) -> Any:
    """Name rows by their id; leave the rest to the encoder."""
    return value.pk if isinstance(value, Model) else value
