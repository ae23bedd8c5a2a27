"""What a run logs: its own id and its company's, from its first line to its last."""

import pytest
import structlog
from structlog.contextvars import get_contextvars, merge_contextvars

from dispatch.models import DispatchRun, RunTrigger
from dispatch.services.runs import open_run
from tests.dispatch.days import Line, plan
from tests.factories import DAY, CompanyFactory, on_day

pytestmark = pytest.mark.django_db


def test_every_line_of_a_run_carries_its_ids_and_none_after_it():
    line = Line(CompanyFactory())
    line.booking(1, 3, 9)
    line.shift()

    with structlog.testing.capture_logs(processors=[merge_contextvars]) as logs:
        summary = plan(line.company)

    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("run opened", "info"),
        ("run ended", "info"),
    ]
    for entry in logs:
        assert (entry["run_id"], entry["company_id"]) == (summary.run, line.company.pk)
    assert logs[-1]["state"] == "applied"
    assert get_contextvars() == {}


def test_a_run_that_fails_says_so_by_the_kind_of_error_alone():
    company = CompanyFactory()

    with (
        structlog.testing.capture_logs(processors=[merge_contextvars]) as logs,
        pytest.raises(ValueError, match="Marie"),
        open_run(
            company=company,
            day=DAY,
            trigger=RunTrigger.COMMAND,
            actor=None,
            now=on_day(6),
            settings={},
            seed=0,
        ),
    ):
        raise ValueError("Marie lives at 5 High Street")

    failed = logs[-1]
    assert (failed["event"], failed["error"]) == ("run failed", "ValueError")
    assert failed["run_id"] == DispatchRun.objects.get().pk
    assert "Marie" not in str(logs)
