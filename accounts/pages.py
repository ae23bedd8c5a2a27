"""The pages of an account: what a link from a letter opens, and the person's own page."""

from typing import Any

import structlog
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.forms import AddressForm, ConfirmForm, ForgottenForm, PasswordForm
from accounts.models import SignIn, User
from accounts.permissions import signed_in
from accounts.services import letters, links, people, sessions
from accounts.services.links import Purpose
from accounts.signin import too_often
from accounts.tasks import send_link
from atmr.errors import DomainError

log = structlog.get_logger(__name__)

TOKEN = "link"  # noqa: S105 - under this name the session keeps what the address should not


@never_cache
def forgotten(request: HttpRequest) -> HttpResponse:
    """Send a link to who signs in with an address; the answer is the same when nobody does."""
    if refusal := too_often(request, "forgotten", "email"):
        return refusal
    form = ForgottenForm(request.POST or None)
    if form.is_valid():
        email = form.cleaned_data["email"].lower()
        known = User.objects.filter(email=email, is_active=True).values_list("pk", flat=True)
        send_link.delay(user_id=known.first(), purpose=Purpose.RESET.value)
        text = _("If somebody signs in with this address, a letter with a link is on its way.")
        messages.success(request, text)
        return redirect("admin:login")
    title = _("Forgotten password")
    text = _("We send a link to your address. It is good for an hour.")
    return _page(request, title=title, text=text, form=form, button=_("Send the link"))


@never_cache
def arrive(request: HttpRequest, token: str) -> HttpResponse:
    """Take the link out of the address, where histories and logs would keep it.

    Only a link of ours is kept: whatever else anybody asks for leaves no session behind.
    """
    if links.is_ours(token):
        request.session[TOKEN] = token
    return redirect("access:link")


@never_cache
@sensitive_post_parameters()
def link(request: HttpRequest) -> HttpResponse:
    """Do what a link from a letter is for; opening it alone does nothing."""
    if refusal := too_often(request, "link"):
        return refusal
    token = request.session.get(TOKEN, "")
    try:
        found = links.read(token=token, now=timezone.now())
        if found.purpose == Purpose.ADDRESS:
            return _confirm_address(request, token, found)
        return _choose_password(request, token, found)
    except DomainError as exc:
        request.session.pop(TOKEN, None)
        return _page(request, title=_("This link leads nowhere"), refusal=str(exc), status=410)


def _choose_password(request: HttpRequest, token: str, found: links.Link) -> HttpResponse:
    form = PasswordForm(found.user, request.POST or None)
    if not form.is_valid():
        title, text = _("Choose your password"), found.user.email
        return _page(request, title=title, text=text, form=form, button=_("Keep this password"))
    people.set_password(
        token=token, password=form.cleaned_data["new_password1"], now=timezone.now()
    )
    log.info("password set by link", account_id=found.user.pk, purpose=found.purpose.value)
    request.session.flush()
    messages.success(request, _("Your password is set. Sign in with it."))
    return redirect("admin:login")


def _confirm_address(request: HttpRequest, token: str, found: links.Link) -> HttpResponse:
    if request.method != "POST":
        title, button = _("Confirm your address"), _("Sign in with this address")
        return _page(request, title=title, text=found.address, button=button)
    user, old = people.confirm_address(token=token, now=timezone.now())
    log.info("address changed", account_id=user.pk)
    request.session.pop(TOKEN, None)
    try:
        letters.tell_old_address(user=user, old=old)
    except OSError:  # the mail server's: the address is changed, and that is what was asked for
        log.warning("old address was not told", account_id=user.pk)
    messages.success(request, _("You sign in with this address from now on."))
    return redirect("admin:login")


@never_cache
@admin.site.admin_view
@sensitive_post_parameters()
def account(request: HttpRequest) -> HttpResponse:
    """Show a person's own account, and let them ask for another address."""
    if refusal := too_often(request, "account", per="user"):
        return refusal
    user = signed_in(request)
    form = AddressForm(request.POST or None, user=user)
    if form.is_valid():
        _ask_address(request, user, form.cleaned_data["email"])
        return redirect("access:account")
    context = {
        **admin.site.each_context(request),
        "title": _("My account"),
        "form": form,
        "removal": ConfirmForm(user=user, auto_id="removal_%s"),
        "sessions": sessions.open_of(user=user, now=timezone.now()),
        "here": request.session.session_key,
    }
    return render(request, "accounts/account.html", context)


def _ask_address(request: HttpRequest, user: User, address: str) -> None:
    try:
        letters.ask_address(user=user, address=address, now=timezone.now())
    except OSError:  # the mail server's
        log.exception("letter was not sent", account_id=user.pk)
        messages.error(request, _("The letter could not be sent. Try again later."))
        return
    text = _("We wrote to the new address. Open the link in that letter to confirm it.")
    messages.success(request, text)


@require_POST
@admin.site.admin_view
def end_session(request: HttpRequest, number: int) -> HttpResponse:
    """End a session of one's own; another's is not touched."""
    sessions.end(sign_ins=SignIn.objects.filter(user=signed_in(request), pk=number))
    messages.success(request, _("The session is ended."))
    return redirect("access:account")


@require_POST
@admin.site.admin_view
def end_others(request: HttpRequest) -> HttpResponse:
    """End all sessions of one's own but this one."""
    sessions.end_others(user=signed_in(request), session_key=request.session.session_key or "")
    messages.success(request, _("All other sessions are ended."))
    return redirect("access:account")


@never_cache
@admin.site.admin_view
@sensitive_post_parameters()
def change_password(request: HttpRequest) -> HttpResponse:
    """Answer the admin's page; a new password ends the sessions elsewhere."""
    if refusal := too_often(request, "password", per="user"):
        return refusal
    before = request.session.session_key or ""
    answer: HttpResponse = admin.site.password_change(request)
    now = request.session.session_key or ""
    if now != before:
        sessions.renamed(old=before, new=now)
        sessions.end_others(user=signed_in(request), session_key=now)
    return answer


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), **context}
    return render(request, "accounts/simple.html", context, status=status)
