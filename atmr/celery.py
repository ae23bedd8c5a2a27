"""The Celery application and its timetable. Workers: `celery -A atmr worker -B`."""

import os
from pathlib import Path
from typing import Any

from celery import Celery, signals
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atmr.settings")

app = Celery("atmr")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.celeryd_init.connect
@signals.beat_init.connect
def have_servers(**_: Any) -> None:
    """A worker or a timetable joins the embedded servers as commands do."""
    settings.EMBEDDED.ensure()
    Path(settings.CELERY_BEAT_SCHEDULE_FILENAME).parent.mkdir(exist_ok=True)
