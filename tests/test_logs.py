"""Records of every logger come out structured and masked, and none is lost."""

import io
import json
import logging
import sys

import pytest
import structlog
from django.http import HttpResponse
from django.urls import path

from accounts.models import Role
from atmr import logs, mask
from atmr.celery import app
from tests.factories import UserFactory

TEXT = "marie@example.com +41 79 123 45 67 lat=46.204391 lon=-6.143158"
MASKED = "m***@e***.com +41***67 lat=46.20 lon=-6.14"


def show(request, pk):
    structlog.get_logger("bookings").info("seen", run_id=7)
    return HttpResponse()


urlpatterns = [path("show/<int:pk>/", show), path("plain/", lambda request: HttpResponse())]


@pytest.fixture
def records(monkeypatch):
    """Read what the real handler writes, as production formats it."""
    stream = io.StringIO()
    handlers = logging.getLogger().handlers
    handler = next(h for h in handlers if isinstance(h.formatter, logs.MaskingFormatter))
    monkeypatch.setattr(handler, "stream", stream)
    monkeypatch.setattr(handler, "formatter", logs.MaskingFormatter(as_json=True))
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "name", ["", "bookings.services", "django.request", "celery.task.plan_day", "some.library.part"]
)
def test_every_logger_and_its_children_are_masked(records, name):
    logging.getLogger(name).warning("to %s", TEXT, extra={"to": [TEXT], "password": "x"})

    (record,) = records()
    assert record["event"] == f"to {MASKED}"
    assert record["to"] == [MASKED]
    assert record["password"] == "[secret]"
    assert record["level"] == "warning"
    assert record["logger"] == (name or "root")
    assert record["timestamp"].endswith("Z")


def test_no_logger_writes_beside_the_masked_handler():
    ours = [
        h for h in logging.getLogger().handlers if isinstance(h.formatter, logs.MaskingFormatter)
    ]
    assert len(ours) == 1
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        written = [h for h in logger.handlers if not isinstance(h, logging.NullHandler)]
        assert not written, name
        assert logger.propagate, name


def test_arguments_given_as_a_dictionary_are_masked(records):
    logging.getLogger("bookings").warning(
        "%(who)s at %(lat).6f with %(token)s, row %(row)05d",
        {"who": TEXT, "lat": 46.204391, "token": "abc", "row": 7},
    )

    assert records()[0]["event"] == f"{MASKED} at 46.200000 with [secret], row 00007"


def test_numbers_among_the_arguments_stay_numbers(records):
    logging.getLogger("bookings").warning("%d rows in %.3f s, %s", 12, 0.12345, 1790000000123)

    assert records()[0]["event"] == "12 rows in 0.123 s, 1790000000123"


@pytest.mark.django_db
def test_a_row_is_logged_by_its_id(records):
    user = UserFactory.build(pk=7, name="Marie")

    logging.getLogger("bookings").warning("by %s", user, extra={"by": user})

    assert records()[0]["event"] == "by accounts.User:7"
    assert records()[0]["by"] == "accounts.User:7"


def test_tracebacks_are_masked(records):
    try:
        raise ValueError(TEXT)
    except ValueError:
        logging.getLogger("bookings").exception("failed")

    (record,) = records()
    assert f"ValueError: {MASKED}" in record["exception"]
    assert "marie" not in json.dumps(record)


def test_structured_events_are_masked(records):
    structlog.get_logger("dispatch").info(f"planned {TEXT}", place={"lat": 46.204391}, rows=3)

    (record,) = records()
    assert record["event"] == f"planned {MASKED}"
    assert record["place"] == {"lat": 46.2}
    assert record["rows"] == 3


class Unprintable:
    def __str__(self):
        raise RuntimeError("marie@example.com")


def formatted(message, *args, **extra):
    """Format a record that pytest's own handler could not."""
    record = logging.getLogger("bookings").makeRecord(
        "bookings", logging.ERROR, "test_logs.py", 1, message, args, None, extra=extra
    )
    return json.loads(logs.MaskingFormatter(as_json=True).format(record))


def test_a_mistake_in_the_arguments_does_not_cost_the_record():
    record = formatted("%d bookings for %s", "marie@example.com")

    assert record["event"] == "%d bookings for %s ('m***@e***.com',)"


@pytest.mark.parametrize("values", [((Unprintable(),), {}), ((), {"by": Unprintable()})])
def test_what_cannot_be_read_is_reported_by_its_place(values):
    args, extra = values

    record = formatted("by %s" if args else "by", *args, **extra)

    assert record["event"] == "[unreadable record]"
    assert record["where"] == "test_logs:1"
    assert record["error"] == "RuntimeError"


def test_a_failing_mask_loses_no_record_and_shows_nothing(records, monkeypatch):
    def fail(text):
        raise RecursionError

    monkeypatch.setattr(mask, "mask", fail)

    logging.getLogger("bookings").error("to %s", TEXT)

    (record,) = records()
    assert record["event"] == "[unreadable record]"
    assert record["level"] == "error"
    assert "marie" not in json.dumps(record)


def test_an_extra_field_cannot_replace_the_message(records):
    logging.getLogger("bookings").warning("kept", extra={"event": "other", "level": "debug"})

    (record,) = records()
    assert (record["event"], record["event_extra"], record["level"]) == ("kept", "other", "warning")


def test_bound_ids_are_on_every_record(records):
    with structlog.contextvars.bound_contextvars(run_id=7, company_id=3):
        logging.getLogger("some.library").warning("from a library")
        structlog.get_logger("dispatch").info("from us")
    logging.getLogger("some.library").warning("after")

    inside, also, after = records()
    assert (inside["run_id"], inside["company_id"]) == (7, 3)
    assert (also["run_id"], also["company_id"]) == (7, 3)
    assert "run_id" not in after


def test_development_reads_as_lines():
    formatter = logs.MaskingFormatter(as_json=False)
    try:
        raise ValueError(TEXT)
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "f.py", 1, "to %s", (TEXT,), sys.exc_info()
        )

    text = formatter.format(record)

    assert f"to {MASKED}" in text
    assert f"ValueError: {MASKED}" in text
    assert "marie" not in text


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_a_request_binds_its_ids_and_answers_with_its_own(client, records):
    user = UserFactory(role=Role.DISPATCHER)
    client.force_login(user)

    response = client.get("/show/12/?q=Dupont", headers={"X-Request-ID": "abc-12345678"})

    assert response["X-Request-ID"] == "abc-12345678"
    _signed_in, seen, line = records()
    for record in (seen, line):
        assert record["request_id"] == "abc-12345678"
        assert record["user_id"] == user.pk
        assert record["company_id"] == user.company_id
    assert seen["run_id"] == 7
    assert (line["event"], line["method"], line["status"]) == ("request", "GET", 200)
    assert line["route"] == "show/<int:pk>/"
    assert "Dupont" not in json.dumps([seen, line])
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space 1234", "a\nb4567890"])
def test_a_request_id_that_is_none_is_replaced(client, given):
    response = client.get("/plain/", headers={"X-Request-ID": given} if given else {})

    assert len(response["X-Request-ID"]) == 32


@pytest.mark.urls(__name__)
def test_a_page_that_does_not_exist_has_an_id_too(client, records):
    response = client.get("/nowhere/")

    assert response["X-Request-ID"]
    line, complaint = records()
    assert line["route"] is None
    assert complaint["event"] == "Not Found: /nowhere/"
    assert complaint["request_id"] == line["request_id"] == response["X-Request-ID"]


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_who_is_anonymous_costs_no_statement(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/plain/")


def test_a_worker_keeps_our_handler_and_level():
    root = logging.getLogger()
    before = (list(root.handlers), root.level)

    app.log.setup_logging_subsystem(loglevel="ERROR")

    assert (list(root.handlers), root.level) == before


def test_a_task_binds_its_id_and_forgets_it(records):
    @app.task(name="tests.log_something")
    def log_something():
        logging.getLogger("some.library").warning("inside")

    result = log_something.delay()
    logging.getLogger("some.library").warning("after")

    inside, after = (record for record in records() if record["logger"] == "some.library")
    assert inside["task_id"] == result.id
    assert "task_id" not in after
