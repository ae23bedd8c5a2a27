"""Structured logs: one handler and one formatter for every logger, Django's and third parties' too.

The formatter masks the message, its arguments, the extra fields and the traceback. Records carry
ids, never names.
"""

import json
import logging
import logging.config
import re
import time
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import structlog
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse
from structlog.typing import EventDict, Processor

from atmr.mask import mask_value
from atmr.watching import requests

_UNMASKED = {"level", "logger", "timestamp"}  # ours, never a caller's
_FINGERPRINT = re.compile(r"[0-9a-f]{12}")  # of atmr/statements.py


def _fill_arguments(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Write the message of a standard record, its arguments masked before they are filled in."""
    record: logging.LogRecord = event["_record"]
    if "event" in record.__dict__:
        event["event_extra"] = record.__dict__["event"]
    arguments = event.pop("positional_args", None)
    message = str(record.msg)
    if isinstance(arguments, Mapping):
        arguments = {name: _argument(value, str(name)) for name, value in arguments.items()}
    elif arguments:
        arguments = tuple(_argument(value) for value in arguments)
    if arguments:
        try:
            message %= arguments
        except (TypeError, ValueError, KeyError):  # the caller's mistake must not cost the record
            message = f"{message} {arguments!r}"
    event["event"] = message
    return event


def _argument(value: Any, key: str = "") -> Any:
    """Mask an argument that would give a name away; numbers stay what `%d` and `%f` need."""
    if isinstance(value, float) or not isinstance(value, (int, Decimal)):
        masked = mask_value(value, key)
        return value if masked == str(value) else masked
    return mask_value(value, key) if key else value


def _mask_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {
        name: value if _is_ours(name, value) else mask_value(value, name)
        for name, value in event.items()
    }


def _is_ours(name: str, value: Any) -> bool:
    """One fingerprint of a statement in some thousands is all digits at its end, like a phone."""
    return name in _UNMASKED or (name == "fingerprint" and bool(_FINGERPRINT.fullmatch(str(value))))


class MaskingFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats every record masked, and drops none: what cannot be read is reported by its place."""

    def __init__(self, *, as_json: bool) -> None:
        renderer: Processor = (
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        )
        super().__init__(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _fill_arguments, *_SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _mask_event,
                renderer,
            ],
            use_get_message=False,
            pass_foreign_args=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception as exc:  # noqa: BLE001 - whatever fails, no record is lost or shown raw
            return json.dumps(
                {
                    "event": "[unreadable record]",
                    "logger": record.name,
                    "level": record.levelname.lower(),
                    "where": f"{record.module}:{record.lineno}",
                    "error": type(exc).__name__,
                }
            )


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(options: Mapping[str, Any]) -> None:
    """Send every logger to one handler on standard error; Django calls this with `LOGGING`."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # These come with handlers of their own, which would write the same record unmasked.
    to_root = {"handlers": [], "propagate": True}
    own = ("django", "django.server", "gunicorn.error", "gunicorn.access", "celery", "py.warnings")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"masked": {"()": MaskingFormatter, "as_json": options["as_json"]}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "masked"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": dict.fromkeys(own, to_root),
        }
    )


# --- Requests -----------------------------------------------------------------------------------

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestLog:
    """Middleware: the ids of a request on all that is logged during it, and one line at its end."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # Django reports a failed request after the last middleware has returned.
        request_finished.connect(_forget_request)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        _forget_request()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        requests.under_way.set(request)
        response = self.get_response(request)
        seconds = time.perf_counter() - start
        match = request.resolver_match
        structlog.get_logger("atmr.request").info(
            "request",
            method=request.method,
            route=match.route if match else None,
            status=response.status_code,
            ms=round(1000 * seconds),
        )
        requests.observe(request, response.status_code, seconds)
        response["X-Request-ID"] = request_id
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """Bind who asks, once the session is known: no statement that the view does not need."""
        user = request.user
        if user.is_authenticated:
            structlog.contextvars.bind_contextvars(user_id=user.pk, company_id=user.company_id)


def _forget_request(**_: Any) -> None:
    structlog.contextvars.clear_contextvars()
    requests.under_way.set(None)
