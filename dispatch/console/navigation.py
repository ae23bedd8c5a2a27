"""The sidebar, and the front page that leads to what is left to do today."""

from typing import Any

from django.apps import apps
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Company
from accounts.permissions import of_company, signed_in
from atmr import clock
from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.models import Alert

# Groups of the sidebar: model, icon. What a person may not see is left out.
GROUPS: list[tuple[Promise, list[tuple[str, str]]]] = [
    (
        gettext_lazy("Bookings"),
        [
            ("bookings.booking", "assignment"),
            ("bookings.client", "person"),
            ("bookings.bookingseries", "event_repeat"),
            ("dispatch.alert", "notifications"),
        ],
    ),
    (
        gettext_lazy("Planning"),
        [
            ("dispatch.assignment", "route"),
            ("dispatch.dispatchrun", "rule"),
            ("dispatch.outbox", "outbox"),
            ("dispatch.dispatchpolicy", "tune"),
        ],
    ),
    (
        gettext_lazy("Fleet"),
        [
            ("fleet.shift", "schedule"),
            ("fleet.absence", "event_busy"),
            ("fleet.driver", "badge"),
            ("fleet.vehicle", "airport_shuttle"),
            ("fleet.place", "location_on"),
        ],
    ),
    (
        gettext_lazy("Access"),
        [
            ("accounts.partner", "handshake"),
            ("accounts.partneragreement", "contract"),
            ("accounts.user", "group"),
            ("accounts.signin", "login"),
            ("accounts.company", "apartment"),
            ("django_celery_results.taskresult", "pending_actions"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Give the groups of the sidebar that the signed-in person may use."""
    user = signed_in(request)
    groups: list[dict[str, Any]] = [{"items": [_front(request, user.company)]}]
    for title, entries in GROUPS:
        items = [
            _item(request, apps.get_model(label)._meta, icon)
            for label, icon in entries
            if user.has_perm(f"{label.replace('.', '.view_')}")
        ]
        groups.append({"title": title, "separator": True, "items": items})
    groups[-1]["items"].append(_page(request, "exchange:files", _("Import and export"), "sync_alt"))
    if user.is_administrator:
        groups[-1]["items"].append(_page(request, "console:database", _("Database"), "database"))
    return groups


def _front(request: HttpRequest, company: Company | None) -> dict[str, Any]:
    link = reverse("console:today", args=[company.slug]) if company else reverse("admin:index")
    return {
        "title": _("Today"),
        "icon": "today",
        "link": link,
        "active": request.path.startswith(reverse("admin:index") + "day/"),
    }


def _page(request: HttpRequest, name: str, title: str, icon: str) -> dict[str, Any]:
    link = reverse(name)
    return {"title": title, "icon": icon, "link": link, "active": request.path.startswith(link)}


def _item(request: HttpRequest, page: Any, icon: str) -> dict[str, Any]:
    link = reverse(f"admin:{page.app_label}_{page.model_name}_changelist")
    item: dict[str, Any] = {
        "title": str(page.verbose_name_plural).capitalize(),
        "icon": icon,
        "link": link,
    }
    if page.label_lower == "dispatch.alert":
        item |= {"link": f"{link}?resolved_at__isempty=1", "badge_variant": "danger"}
        item["badge"] = in_reach(request, Alert.objects.open()).count()
    return item


def in_reach(request: HttpRequest, rows: QuerySet) -> QuerySet:
    """Keep the rows that the signed-in person may see."""
    user = signed_in(request)
    return rows if user.is_administrator else of_company(rows, user.company_id)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the front page what is left to do today, company by company."""
    shown: list[Company] = list(in_reach(request, Company.objects.order_by("name")))
    left = _left_today(shown)
    return context | {
        "title": _("Today"),
        "companies": [(company, left.get(company.pk, {})) for company in shown],
    }


def _left_today(companies: list[Company]) -> dict[int, dict[str, Any]]:
    """Count today's bookings in one statement for all companies that share a calendar day."""
    now = timezone.now()
    days = {company.pk: clock.local_day(now, company.tz) for company in companies}
    of_today = Q()
    for company in companies:
        starts_at, ends_at = clock.day_bounds(days[company.pk], company.tz)
        of_today |= Q(company=company, scheduled_at__gte=starts_at, scheduled_at__lt=ends_at)
    if not companies:
        return {}
    accepted = Q(status=BookingStatus.ACCEPTED)
    rows = (
        Booking.objects.filter(of_today)
        .values("company")
        .annotate(
            bookings=Count("pk"),
            pending=Count("pk", filter=Q(status=BookingStatus.PENDING)),
            waiting=Count("pk", filter=accepted & Q(time_confirmed=True)),
            unconfirmed=Count("pk", filter=accepted & Q(time_confirmed=False)),
            completed=Count("pk", filter=Q(status=BookingStatus.COMPLETED)),
        )
    )
    return {row["company"]: dict(row) for row in rows}
