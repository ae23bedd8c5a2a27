"""The pages of files: what can be brought in and taken out, and the preview of a file."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import slug_re
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from accounts.models import Company
from accounts.permissions import signed_in
from atmr.errors import DomainError
from dispatch.console.navigation import in_reach
from exchange.forms import ConfirmForm, FileForm, carried
from exchange.permissions import may_export, may_import
from exchange.services import bringing, exporting
from exchange.services.catalogue import EXPORTED, KINDS, AnyKind
from exchange.services.outcome import ChangedMeanwhile, Outcome

# So many bad lines are listed; all are counted.
LISTED = 100
WRITERS = {
    "csv": (exporting.as_csv, "text/csv; charset=utf-8"),
    "xlsx": (
        exporting.as_xlsx,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}


@admin.site.admin_view
@require_GET
def files(request: HttpRequest) -> HttpResponse:
    """List what can be brought in and taken out; an administrator chooses the company first."""
    user = signed_in(request)
    company = user.company
    if user.is_administrator:
        slug = request.GET.get("company")
        company = _company(request, slug) if slug else None
    context = {
        **admin.site.each_context(request),
        "title": _("Import and export"),
        "company": company,
        "companies": [] if company else Company.objects.order_by("name"),
        "kinds": [
            {
                "kind": kind,
                "import": may_import(user, kind) and company and _way("bring", company, kind),
                "export": may_export(user, kind) and company and _way("export", company, kind),
            }
            for kind in KINDS.values()
        ],
    }
    return render(request, "exchange/files.html", context)


@sensitive_post_parameters("carried")
@admin.site.admin_view
@never_cache
def bring(request: HttpRequest, company: str, kind: str) -> HttpResponse:
    """Show what a file would change, and do it when that is confirmed."""
    chosen, tenant = KINDS[kind], _company(request, company)
    if not may_import(signed_in(request), chosen):
        raise PermissionDenied
    form = FileForm(request.POST, request.FILES) if request.FILES else FileForm()
    context: dict[str, Any] = {"form": form, "kind": chosen, "company": tenant}
    with timezone.override(tenant.tz):
        if request.method == "POST":
            answer = _take(request, chosen, tenant, context)
            if answer is not None:
                return answer
        page = {**admin.site.each_context(request), "title": chosen.label}
        return render(request, "exchange/bring.html", page | context)


def _take(
    request: HttpRequest, kind: AnyKind, company: Company, context: dict[str, Any]
) -> HttpResponse | None:
    """Preview the file, or store what was previewed; say in `context` what the page is to show."""
    confirmed = ConfirmForm(request.POST) if "carried" in request.POST else None
    form: FileForm = context["form"]
    if confirmed is not None and confirmed.is_valid():
        content, name = confirmed.cleaned_data["carried"], confirmed.cleaned_data["name"]
    elif confirmed is None and form.is_bound and form.is_valid():
        content, name = None, form.cleaned_data["file"].name
    else:
        context["refusal"] = _("Choose the file again.")
        return None
    try:
        content = form.content() if content is None else content
        outcome = _outcome(request, kind, company, content, confirmed)
        if outcome.applied:
            messages.success(request, outcome.summary())
            return redirect(f"{reverse('exchange:files')}?company={company.slug}")
        context |= _shown(outcome, content, name)
    except DomainError as exc:
        context["refusal"] = str(exc)
    return None


def _outcome(
    request: HttpRequest,
    kind: AnyKind,
    company: Company,
    content: bytes,
    confirmed: ConfirmForm | None,
) -> Outcome:
    user, now = signed_in(request), timezone.now()
    if confirmed is None:
        return bringing.bring(kind=kind(company, now=now, actor=user), content=content, apply=False)
    try:
        return bringing.bring(
            kind=kind(company, now=now, actor=user),
            content=content,
            apply=True,
            expected=confirmed.cleaned_data["digest"],
        )
    except ChangedMeanwhile as exc:
        messages.warning(request, str(exc))
    return bringing.bring(kind=kind(company, now=now, actor=user), content=content, apply=False)


def _shown(outcome: Outcome, content: bytes, name: str) -> dict[str, Any]:
    """Give what the page shows of a file that is not stored: its errors or its differences."""
    differs = bool(outcome.created or outcome.changed)
    confirm = None
    if differs and not outcome.errors:
        first = {"carried": carried(content), "digest": outcome.digest, "name": name}
        confirm = ConfirmForm(initial=first)
    return {
        "outcome": outcome,
        "summary": outcome.summary(),
        "file_name": name,
        "errors": outcome.errors[:LISTED],
        "more_errors": max(0, len(outcome.errors) - LISTED),
        "more_differences": outcome.created + outcome.changed - len(outcome.differences),
        "confirm": confirm,
    }


@admin.site.admin_view
@require_GET
@never_cache
def export(request: HttpRequest, company: str, kind: str) -> HttpResponse:
    """Send what the company has of a kind, or only the headings to fill in."""
    chosen, tenant = EXPORTED[kind], _company(request, company)
    if not may_export(signed_in(request), chosen):
        raise PermissionDenied
    suffix = request.GET.get("format", "csv")
    if suffix not in WRITERS:
        raise Http404
    write, content_type = WRITERS[suffix]
    content = write(chosen(tenant, now=timezone.now()), empty="empty" in request.GET)
    name = f"{chosen.slug}-{timezone.localdate(timezone=tenant.tz):%Y-%m-%d}.{suffix}"
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        content, content_type=content_type, headers={"Content-Disposition": disposition}
    )


def _way(page: str, company: Company, kind: AnyKind) -> str:
    return reverse(f"exchange:{page}-{kind.slug}", args=[company.slug])


def _company(request: HttpRequest, slug: str) -> Company:
    """Give a company that the signed-in person works for; others do not exist for them."""
    if not slug_re.match(slug):
        raise Http404
    company: Company | None = in_reach(request, Company.objects.filter(slug=slug)).first()
    if company is None:
        raise Http404
    return company
