"""Work that Celery does."""

from datetime import date

from celery import shared_task
from django.utils import timezone

from accounts.models import Company
from dispatch.models import RunTrigger
from dispatch.services import planning


@shared_task(acks_late=True, soft_time_limit=60)
def plan_day(*, company_id: int, day: str) -> int:
    """Plan one day. Safe to run twice: the second run starts from the first one's plan."""
    summary = planning.plan_day(
        company=Company.objects.select_related("policy").get(pk=company_id),
        day=date.fromisoformat(day),
        now=timezone.now(),
        trigger=RunTrigger.SCHEDULE,
    )
    return summary.run
