"""The base of the console's pages: each keeps inside the company, and shows what was refused."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import NON_FIELD_ERRORS, FieldDoesNotExist, ValidationError
from django.db import IntegrityError, connection
from django.db.models import PROTECT, Field, ForeignKey, ManyToManyField, Model, QuerySet
from django.db.models.fields.related import RelatedField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import capfirst
from unfold.admin import StackedInline, TabularInline

from accounts.changelist import PagedAdmin
from accounts.permissions import has_company, of_company, signed_in
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
            (name, {**options, "fields": without(options["fields"], hidden)})
            for name, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return without(super().get_readonly_fields(request, obj), self._hidden(request))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return without(super().get_list_display(request), self._hidden(request))

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = without(super().get_list_filter(request), self._hidden(request))
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


def without(names: Iterable[Any], hidden: list[str]) -> list[Any]:
    """Leave hidden fields out, also where several share a line."""
    kept = [without(n, hidden) if isinstance(n, (list, tuple)) else n for n in names]
    return [name for name in kept if name not in hidden and name != []]


def _refusal(error: IntegrityError | DomainError) -> DomainError:
    """Give the refusal behind an error; what is none is a bug, and raised again."""
    refusal = error if isinstance(error, DomainError) else refusal_of(error)
    if refusal is None:
        raise error
    return refusal
