"""Work that Celery does."""

from datetime import date, timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts.models import Company
from atmr.clock import day_bounds, local_day
from dispatch.models import Assignment, Mode, RunTrigger
from dispatch.services import delays, intake, planning, policies
from dispatch.services.loading import dispatchable
from fleet import retention

# At night in Europe, the working day that begins; in the evening of America, the next one.
AHEAD = timedelta(hours=9)
A_DAY = timedelta(days=1)


@shared_task(acks_late=True, soft_time_limit=60)
def plan_day(*, company_id: int, day: str) -> int:
    """Plan one day. Safe to run twice: the second run starts from the first one's plan."""
    company = Company.objects.select_related("policy").get(pk=company_id)
    summary = planning.plan_day(
        company=company,
        day=date.fromisoformat(day),
        now=timezone.now(),
        apply=policies.policy_of(company).mode == Mode.AUTO,
        trigger=RunTrigger.SCHEDULE,
    )
    return summary.run


@shared_task(acks_late=True)
def book_series() -> int:
    """Book what the series of every company ask for in the weeks ahead; safe to run twice."""
    now = timezone.now()
    return sum(
        intake.book_series(company=company, now=now) for company in Company.objects.order_by("pk")
    )


@shared_task
def plan_coming_days() -> int:
    """Have the coming day planned where bookings wait and nobody plans by hand; say how many."""
    planned = 0
    for company in Company.objects.exclude(policy__mode=Mode.MANUAL):
        coming = local_day(timezone.now() + AHEAD, company.tz)
        if dispatchable(company, *day_bounds(coming, company.tz)).exists():
            plan_day.delay(company_id=company.pk, day=coming.isoformat())
            planned += 1
    return planned


@shared_task(soft_time_limit=60)
def watch_company(*, company_id: int) -> int:
    """Raise an alert for each ride of a company that is late now; safe to run twice."""
    company = Company.objects.select_related("policy").get(pk=company_id)
    return delays.watch(company=company, now=timezone.now())


@shared_task
def watch_delays() -> int:
    """Have each company looked at whose drivers are on the road; say how many."""
    now = timezone.now()
    rides = Assignment.objects.live().filter(pickup_at__gt=now - A_DAY, pickup_at__lt=now + A_DAY)
    companies = Company.objects.filter(pk__in=rides.values("company")).order_by("pk")
    company_ids = list(companies.values_list("pk", flat=True))
    for company_id in company_ids:
        watch_company.delay(company_id=company_id)
    return len(company_ids)


@shared_task(acks_late=True)
def prune() -> int:
    """Delete what is kept for a time only; say how much. Safe to run twice."""
    kept = timedelta(days=settings.KEEP_POSITIONS_DAYS)
    return retention.forget_positions(before=timezone.now() - kept)
