"""What a background task leaves behind for Prometheus."""

import time
from typing import Any

from celery import signals, states
from celery.app.task import Task

from atmr.watching.metrics import TASK_SECONDS, TASKS

_started: dict[str, float] = {}  # when the tasks under way began


@signals.task_prerun.connect
def begin(task_id: str, **_: Any) -> None:
    _started[task_id] = time.perf_counter()


@signals.task_postrun.connect
def end(task_id: str, task: Task, state: str | None, **_: Any) -> None:
    """Time a task, and count it unless it failed."""
    seconds = time.perf_counter() - _started.pop(task_id, time.perf_counter())
    TASK_SECONDS.labels(task.name).observe(seconds)
    if state and state != states.FAILURE:
        TASKS.labels(task.name, state.lower()).inc()


@signals.task_failure.connect
def fail(sender: Task, **_: Any) -> None:
    """Count a failure where it is told: by the child, and by its parent when the child died."""
    TASKS.labels(sender.name, "failure").inc()
