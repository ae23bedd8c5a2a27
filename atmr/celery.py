"""The Celery application and its timetable. Workers: `celery -A atmr worker -B`."""

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery, signals, states
from celery.app.task import Task
from celery.schedules import crontab
from django.conf import settings
from structlog import contextvars

from atmr.watching import metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atmr.settings")

_started: dict[str, float] = {}  # when the tasks under way began

app = Celery("atmr")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "book-series": {
        "task": "dispatch.tasks.book_series",
        "schedule": crontab(hour=1, minute=0),
        "options": {"expires": 6 * 3600},
    },
    # In UTC: before the first shifts of Europe begin, after the last of them have ended.
    "plan-coming-days": {
        "task": "dispatch.tasks.plan_coming_days",
        "schedule": crontab(hour=2, minute=0),
        "options": {"expires": 6 * 3600},
    },
    "watch-delays": {
        "task": "dispatch.tasks.watch_delays",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 300},
    },
}


@signals.celeryd_init.connect
@signals.beat_init.connect
def have_servers(**_: Any) -> None:
    """A worker or a timetable joins the embedded servers as commands do."""
    settings.EMBEDDED.ensure()
    Path(settings.CELERY_BEAT_SCHEDULE_FILENAME).parent.mkdir(exist_ok=True)


@signals.setup_logging.connect
def keep_our_logs(**_: Any) -> None:
    """Answering this signal is enough: Celery adds no handler of its own and moves no level."""


@signals.task_prerun.connect
def bind_task(task_id: str, task: Task, **_: Any) -> None:
    """Put the task's id and name on all that is logged during it."""
    if not task.request.is_eager:
        contextvars.clear_contextvars()
    contextvars.bind_contextvars(task_id=task_id, task=task.name)
    _started[task_id] = time.perf_counter()


@signals.task_postrun.connect
def forget_task(task_id: str, task: Task, state: str | None, **_: Any) -> None:
    """Count a task that ended; a failure is counted where it is told, by a dead child too."""
    contextvars.unbind_contextvars("task_id", "task")
    seconds = time.perf_counter() - _started.pop(task_id, time.perf_counter())
    metrics.TASK_SECONDS.labels(task.name).observe(seconds)
    if state not in {None, states.FAILURE}:
        metrics.TASKS.labels(task.name, state.lower()).inc()


@signals.task_failure.connect
def count_failure(sender: Task, **_: Any) -> None:
    metrics.TASKS.labels(sender.name, "failure").inc()
