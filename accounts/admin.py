"""The admin's base, which keeps every page inside the company, and the pages of accounts."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import (
    NON_FIELD_ERRORS,
    FieldDoesNotExist,
    PermissionDenied,
    ValidationError,
)
from django.db import IntegrityError, connection, transaction
from django.db.models import PROTECT, Field, ForeignKey, ManyToManyField, Model, QuerySet
from django.db.models.fields.related import RelatedField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static import admin as _paper  # noqa: F401 - registers what is removed
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp import admin as _app  # noqa: F401 - registers what is removed
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from accounts.changelist import PagedAdmin
from accounts.models import Company, Partner, PartnerAgreement, Role, SignIn, User
from accounts.permissions import has_company, of_company, signed_in
from accounts.services import people, secondfactor, sessions
from accounts.services.links import Purpose
from accounts.tasks import send_link
from atmr.errors import DomainError, refusal_of

# So many rows that forbid to delete another are named one by one.
BLOCKING = 20


class CompanyForm(forms.ModelForm):
    """A form of one company's row, which refuses what the database would refuse."""

    company_id: int | None = None  # set by the admin when the person works for one company
    refusal: DomainError | None = None  # what the database said to this very form

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.company_id is not None and self.instance.company_id is None:
            self.instance.company_id = self.company_id

    def _get_validation_exclusions(self) -> set[str]:
        """Check constraints over fields that the page does not show, if they have a value.

        Django skips them, and its exclusion constraints stumble over a condition on one.
        """
        fields = {field.name: field for field in self.instance._meta.concrete_fields}
        skipped: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return {
            name
            for name in skipped
            if name in self.fields or name not in fields or not self._has_value(fields[name])
        }

    def _has_value(self, field: Field) -> bool:
        return field.blank or getattr(self.instance, field.attname) not in field.empty_values

    def _update_errors(self, errors: ValidationError) -> None:
        """Show what is wrong with a field that the page does not show above the form."""
        found = errors.update_error_dict({})
        for name in set(found) - set(self.fields) - {NON_FIELD_ERRORS}:
            found.setdefault(NON_FIELD_ERRORS, []).extend(found.pop(name))
        super()._update_errors(ValidationError(found))  # type: ignore[misc]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.refusal is not None:
            self.add_error(None, str(self.refusal))
        return cleaned


class CompanyScoped(BaseModelAdmin):
    """What an admin page and its inlines share: rows and choices of the person's company."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        user = signed_in(request)
        return rows if user.is_administrator else of_company(rows, user.company_id)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        return super().formfield_for_foreignkey(
            db_field, request, **self._choices(db_field, request, kwargs)
        )

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelMultipleChoiceField | None:
        return super().formfield_for_manytomany(
            db_field, request, **self._choices(db_field, request, kwargs)
        )

    def _choices(
        self, db_field: RelatedField, request: HttpRequest, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        user = signed_in(request)
        if user.is_administrator:
            return kwargs
        rows = kwargs.get("queryset")
        if rows is None:
            rows = db_field.related_model._default_manager.all()
        return {**kwargs, "queryset": of_company(rows, user.company_id)}


class CompanyFilter(RelatedFieldListFilter):
    """A filter by a relation that offers the company's own rows."""

    def field_choices(
        self, field: RelatedField, request: HttpRequest, model_admin: admin.ModelAdmin
    ) -> Any:
        user = signed_in(request)
        if user.is_administrator:
            return super().field_choices(field, request, model_admin)
        own = of_company(field.related_model._default_manager.all(), user.company_id)
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={"pk__in": own.values("pk")},
        )


class CompanyAdmin(CompanyScoped, PagedAdmin):
    """The base of every page: own company only, roles by the table, refusals as messages."""

    form = CompanyForm

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form = super().get_form(request, obj, **kwargs)
        user = signed_in(request)
        is_own = has_company(self.model) and not user.is_administrator
        facts = {
            "company_id": user.company_id if is_own else None,
            "refusal": getattr(request, "refusal", None),
        }
        return type(form)(form.__name__, (form,), facts)

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*(super().get_exclude(request, obj) or ()), *self._hidden(request)]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[tuple]:
        hidden = self._hidden(request)
        return [
            (name, {**options, "fields": _without(options["fields"], hidden)})
            for name, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return _without(super().get_readonly_fields(request, obj), self._hidden(request))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return _without(super().get_list_display(request), self._hidden(request))

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = _without(super().get_list_filter(request), self._hidden(request))
        return [(entry, CompanyFilter) if self._is_relation(entry) else entry for entry in filters]

    def _is_relation(self, entry: Any) -> bool:
        try:
            return isinstance(entry, str) and self.opts.get_field(entry).is_relation
        except FieldDoesNotExist:
            return False

    def _hidden(self, request: HttpRequest) -> list[str]:
        return [] if signed_in(request).is_administrator else ["company"]

    def save_related(self, request: HttpRequest, *args: Any) -> None:
        super().save_related(request, *args)
        connection.check_constraints()  # the deferred ones speak now, not at the commit

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form again, filled in, with what the database or a service refused."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (IntegrityError, DomainError) as exc:
            request.refusal = _refusal(exc)  # type: ignore[attr-defined]
        return super().changeform_view(request, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple:
        """Tell what forbids to delete: a few rows by name, the many by their number.

        Django names every row, and a driver of years has thousands.
        """
        many = [
            f"{capfirst(str(rows.model._meta.verbose_name_plural))}: {BLOCKING}+"
            for rows in _blocking(self.model, objs)
            if rows[: BLOCKING + 1].count() > BLOCKING
        ]
        if many:
            return [], {}, set(), many
        found: tuple = super().get_deleted_objects(objs, request)
        return found

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_message(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_message(request, super().changelist_view, *args, **kwargs)

    def _or_message(
        self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (IntegrityError, DomainError) as exc:
            self.message_user(request, str(_refusal(exc)), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


class CompanyTabular(CompanyScoped, TabularInline):
    """The base of rows edited inside another page, one line each."""

    extra = 0


class CompanyStacked(CompanyScoped, StackedInline):
    """The base of rows edited inside another page, one block each."""

    extra = 0


def _blocking(model: type[Model], objs: Any) -> Iterator[QuerySet]:
    """Give, by relation, the rows without which `objs` cannot be deleted."""
    for relation in model._meta.related_objects:
        if relation.on_delete is PROTECT:
            rows = relation.related_model._default_manager.all()
            yield rows.filter(**{f"{relation.field.name}__in": objs})


def _without(names: Iterable[Any], hidden: list[str]) -> list[Any]:
    """Leave hidden fields out, also where several share a line."""
    kept = [_without(n, hidden) if isinstance(n, (list, tuple)) else n for n in names]
    return [name for name in kept if name not in hidden and name != []]


def _refusal(error: IntegrityError | DomainError) -> DomainError:
    """Give the refusal behind an error; what is none is a bug, and raised again."""
    refusal = error if isinstance(error, DomainError) else refusal_of(error)
    if refusal is None:
        raise error
    return refusal


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
        fields = "__all__"  # noqa: DJ007 - the page's fieldsets choose
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
        return [(name, {**o, "fields": _without(o["fields"], ["password"])}) for name, o in found]

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
        rows: Any = super().get_queryset(request)
        found: QuerySet = rows.with_openness(timezone.now())
        return found

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
