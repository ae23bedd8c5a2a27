"""The Celery application and its timetable. Workers: `celery -A atmr worker -B`."""

import os
from pathlib import Path
from typing import Any

from celery import Celery, signals
from celery.app.task import Task
from celery.schedules import crontab
from django.conf import settings
from structlog import contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atmr.settings")

app = Celery("atmr")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "book-series": {
        "task": "dispatch.tasks.book_series",
        "schedule": crontab(hour=1, minute=0),
        "options": {"expires": 6 * 3600},
    },
    "warn-of-slow-statements": {
        "task": "atmr.tasks.warn_of_slow_statements",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 4 * 60},
    },
    "tidy-metrics": {
        "task": "atmr.tasks.tidy_metrics",
        "schedule": crontab(minute=7),
        "options": {"expires": 1800},
    },
    # In UTC: before the first shifts of Europe begin, after the last of them have ended.
    "plan-coming-days": {
        "task": "dispatch.tasks.plan_coming_days",
        "schedule": crontab(hour=2, minute=0),
        "options": {"expires": 6 * 3600},
    },
    "prune": {
        "task": "dispatch.tasks.prune",
        "schedule": crontab(hour=3, minute=0),
        "options": {"expires": 6 * 3600},
    },
    "forget-sign-ins": {
        "task": "accounts.tasks.forget_sign_ins",
        "schedule": crontab(hour=3, minute=20),
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
    settings.METRICS_DIR.mkdir(parents=True, exist_ok=True)
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


@signals.task_postrun.connect
def forget_task(**_: Any) -> None:
    contextvars.unbind_contextvars("task_id", "task")
