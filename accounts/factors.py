"""The pages of the second factor: to enrol, to be asked for a code, to remove it."""

from typing import Any

import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.forms import CodeForm, ConfirmForm, EnrolForm
from accounts.gate import PASSED
from accounts.origins import browser_of, network_of
from accounts.permissions import signed_in
from accounts.services import secondfactor, sessions
from accounts.signin import too_often
from atmr.errors import DomainError

log = structlog.get_logger(__name__)


@never_cache
@admin.site.admin_view
@sensitive_post_parameters()
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for a code, after the password."""
    if refusal := too_often(request, "second-factor", per="user"):
        return refusal
    user = signed_in(request)
    if not user.second_factor or request.session.get(PASSED) == user.pk:
        return redirect("admin:index")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if secondfactor.verify(user=user, code=form.cleaned_data["code"]):
            request.session[PASSED] = user.pk
            return redirect("admin:index")
        log.warning("second factor refused", account_id=user.pk)
        sessions.record(
            user=user,
            at=timezone.now(),
            network=network_of(request),
            browser=browser_of(request),
        )
        form.add_error("code", str(secondfactor.WrongCode()))
    text = _("Open the app on your telephone and type its code, or a recovery code.")
    context = {"title": _("Second factor"), "text": text, "form": form, "button": _("Continue")}
    return _page(request, "accounts/code.html", context)


@never_cache
@admin.site.admin_view
@sensitive_post_parameters()
def enrol(request: HttpRequest) -> HttpResponse:
    """Show what the app reads, take its first code, and show the recovery codes once."""
    if refusal := too_often(request, "second-factor", per="user"):
        return refusal
    user = signed_in(request)
    if user.second_factor:
        return redirect("access:account")
    device = secondfactor.begin(user=user)
    form = EnrolForm(request.POST or None, user=user)
    context = {
        "title": _("Set up the second factor"),
        "form": form,
        "picture": secondfactor.picture_of(device),
        "secret": secondfactor.secret_of(device),
    }
    if form.is_valid():
        try:
            codes = secondfactor.enrol(user=user, code=form.cleaned_data["code"])
        except DomainError as exc:
            form.add_error("code", str(exc))
        else:
            log.info("second factor enrolled", account_id=user.pk)
            request.session[PASSED] = user.pk
            context = {"title": _("Recovery codes"), "codes": codes}
            return _page(request, "accounts/recovery.html", context)
    return _page(request, "accounts/enrol.html", context)


@never_cache
@require_POST
@admin.site.admin_view
@sensitive_post_parameters()
def remove(request: HttpRequest) -> HttpResponse:
    """Go back to the password alone, if the company allows it."""
    if refusal := too_often(request, "account", per="user"):
        return refusal
    user = signed_in(request)
    form = ConfirmForm(request.POST, user=user)
    if not form.is_valid():
        messages.error(request, _("This is not your password."))
        return redirect("access:account")
    try:
        secondfactor.remove(user=user, of_administrators=settings.ADMINISTRATORS_SECOND_FACTOR)
    except DomainError as exc:
        messages.error(request, str(exc))
    else:
        log.info("second factor removed", account_id=user.pk)
        messages.success(request, _("You sign in with the password alone."))
    return redirect("access:account")


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), **context})
