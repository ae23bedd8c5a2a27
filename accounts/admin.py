"""The console's pages of companies, people, sign-ins and partners."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static import admin as _paper  # noqa: F401 - registers what is removed
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp import admin as _app  # noqa: F401 - registers what is removed
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from accounts.models import Company, Partner, PartnerAgreement, Role, SignIn, User
from accounts.permissions import signed_in
from accounts.scoped import CompanyAdmin, CompanyForm, without
from accounts.services import people, secondfactor, sessions
from accounts.services.links import Purpose
from accounts.tasks import send_link


@admin.register(Company)
class CompanyPage(CompanyAdmin):
    list_display = ["name", "slug", "time_zone", "language"]
    search_fields = ["name", "slug"]
    ordering = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A manager keeps the company's page; addresses and days hang on these two."""
        fixed = [] if signed_in(request).is_administrator else ["slug", "time_zone"]
        return [*super().get_readonly_fields(request, obj), *fixed]


class UserForm(CompanyForm, UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {}


class NewUserForm(CompanyForm):
    class Meta:
        model = User
        fields = ["email", "name", "role", "company", "language"]

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        """Leave the password to the person, whom a letter with a link invites."""
        self.instance.set_unusable_password()
        user: User = super().save(commit)
        return user


@admin.register(User)
class UserAdmin(CompanyAdmin, DjangoUserAdmin):  # type: ignore[misc]
    """People who sign in. A manager sees those of the company, and makes nobody administrator."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["email", "name", "role", "company", "is_active", "second_factor"]
    list_filter = ["role", "is_active", "company"]
    list_select_related = ["company"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    filter_horizontal = []
    readonly_fields = ["last_login", "created_at"]
    fieldsets = [
        (None, {"fields": ["email", "password", "name", "role", "company", "language"]}),
        (_("State"), {"fields": ["is_active", "last_login", "created_at"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "name", "role", "company", "language"]}),
    ]
    actions = ["send_invitations", "end_sessions", "reset_second_factor", "switch_off"]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[tuple]:
        """Another's password is nobody's to choose; an administrator helps where mail is out."""
        found = super().get_fieldsets(request, obj)
        if signed_in(request).is_administrator:
            return found
        return [(name, {**o, "fields": without(o["fields"], ["password"])}) for name, o in found]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Leave the address of who has a password to that person, who confirms the new one."""
        fields = super().get_readonly_fields(request, obj)
        is_theirs = isinstance(obj, User) and obj.has_usable_password()
        return (
            fields if signed_in(request).is_administrator or not is_theirs else [*fields, "email"]
        )

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's name
        form_url: str = "",
    ) -> HttpResponse:
        if not signed_in(request).is_administrator:
            raise PermissionDenied
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        if not change:
            self._invite(request, obj)
        elif not obj.is_active and "is_active" in form.changed_data:
            people.switch_off(user=obj)
        elif "company" in form.changed_data:  # what is open was opened for the former one
            sessions.end_all(user=obj)

    def _invite(self, request: HttpRequest, user: User) -> None:
        purpose = Purpose.INVITATION.value
        transaction.on_commit(lambda: send_link.delay(user_id=user.pk, purpose=purpose))
        text = _("A letter with a link to choose a password goes to %(email)s.")
        self.message_user(request, text % {"email": user.email}, messages.SUCCESS)

    @admin.action(description=_("Send an invitation again"), permissions=["change"])
    def send_invitations(self, request: HttpRequest, rows: QuerySet) -> None:
        for user in rows:
            if user.is_active and not user.has_usable_password():
                self._invite(request, user)
            else:
                text = _("%(user)s is switched off or has a password already.")
                self.message_user(request, text % {"user": user}, messages.WARNING)

    @admin.action(description=_("End all sessions"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, rows: QuerySet) -> None:
        for user in rows:
            sessions.end_all(user=user)
        self.message_user(request, _("The sessions are ended."), messages.SUCCESS)

    @admin.action(description=_("Reset the second factor"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, rows: QuerySet) -> None:
        for user in rows:
            secondfactor.reset(user=user)
        text = _("The second factor is reset, and the sessions are ended.")
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(description=_("Switch off: ends sessions and links"), permissions=["change"])
    def switch_off(self, request: HttpRequest, rows: QuerySet) -> None:
        for user in rows:
            if user.pk == signed_in(request).pk:
                text = _("You cannot switch yourself off.")
                self.message_user(request, text, messages.ERROR)
                continue
            people.switch_off(user=user)
            text = _("%(user)s is switched off everywhere.")
            self.message_user(request, text % {"user": user}, messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return (
            rows if signed_in(request).is_administrator else rows.exclude(role=Role.ADMINISTRATOR)
        )

    def formfield_for_choice_field(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> forms.TypedChoiceField | None:
        if db_field.name == "role" and not signed_in(request).is_administrator:
            kwargs["choices"] = [pair for pair in Role.choices if pair[0] != Role.ADMINISTRATOR]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


@admin.register(SignIn)
class SignInAdmin(CompanyAdmin):
    """Who signed in, who tried; a manager ends what is still open."""

    list_display = ["at", "user", "outcome", "network", "browser", "company"]
    list_filter = ["succeeded", "company"]
    list_select_related = ["user", "company"]
    search_fields = ["user__email", "user__name"]
    ordering = ["-id"]
    actions = ["end_sessions"]
    fields = ["at", "user", "company", "succeeded", "network", "browser"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Leave out who keeps the installation, as the list of users does."""
        rows: Any = super().get_queryset(request)
        if not signed_in(request).is_administrator:
            rows = rows.exclude(user__role=Role.ADMINISTRATOR)
        found: QuerySet = rows.with_openness(timezone.now())
        return found

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Filter by no key, which a few hundred addresses would spell out: it opens a session."""
        return not lookup.startswith("session_key") and super().lookup_allowed(
            lookup, value, request
        )

    def has_add_permission(self, *_: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        return signed_in(request).has_perm("accounts.change_user")

    @display(description=_("Outcome"), label={"failed": "danger", "open": "success"})  # type: ignore[untyped-decorator]
    def outcome(self, sign_in: SignIn) -> tuple[str, Any]:
        if not sign_in.succeeded:
            return "failed", _("refused")
        is_open = getattr(sign_in, "is_open", False)
        return ("open", _("session open")) if is_open else ("ended", _("session ended"))

    @admin.action(description=_("End the sessions"), permissions=["end"])
    def end_sessions(self, request: HttpRequest, rows: QuerySet) -> None:
        sessions.end(sign_ins=rows)
        self.message_user(request, _("The sessions are ended."), messages.SUCCESS)


@admin.register(Partner)
class PartnerAdmin(CompanyAdmin):
    list_display = ["name", "email", "phone"]
    search_fields = ["name", "email"]
    ordering = ["name"]


@admin.register(PartnerAgreement)
class PartnerAgreementAdmin(CompanyAdmin):
    list_display = ["partner", "company", "active", "created_at"]
    list_filter = ["active", "company"]
    list_select_related = ["partner", "company"]
    search_fields = ["partner__name"]
    ordering = ["partner__name", "id"]


admin.site.unregister(Group)  # roles, not groups, decide
admin.site.unregister([TOTPDevice, StaticDevice])  # their pages show the secrets
