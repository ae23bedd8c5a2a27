"""Delete what is kept for a time only, as the nightly task does."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from dispatch.management.answering import Answer, AnsweringCommand
from fleet import retention


class Command(AnsweringCommand):
    help = (
        "Delete positions of vehicles older than ATMR_KEEP_POSITIONS_DAYS; nothing else.\n"
        "Example: manage.py prune --json"
    )

    def answer(self, **_options: Any) -> Answer:
        days = settings.KEEP_POSITIONS_DAYS
        gone = retention.forget_positions(before=timezone.now() - timedelta(days=days))
        return Answer({"positions": gone}, f"{gone} positions older than {days} days deleted")
