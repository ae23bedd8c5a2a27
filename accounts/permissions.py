"""What the table of roles, and the company, let a person see and do."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts import roles
from accounts.models import Company, Role, User

if TYPE_CHECKING:
    from rest_framework.request import Request


def may(user: User, action: str, label: str) -> bool:
    """Say whether the role of `user` allows `action` on the model `label` (`fleet.shift`)."""
    return user.is_active and action in roles.actions_of(Role(user.role), label)


def signed_in(request: "HttpRequest | Request") -> User:
    """Give who asks, behind a door that lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class RoleBackend(ModelBackend):
    """Signs in by e-mail and password, and answers Django's permissions from the table."""

    def get_user(self, user_id: int) -> User | None:
        """Read who asks together with the company, which bounds nearly every page."""
        user = User.objects.select_related("company").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:  # noqa: ARG002
        app, _, codename = perm.partition(".")
        action, _, model = codename.partition("_")
        return isinstance(user_obj, User) and may(user_obj, action, f"{app}.{model}")

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return isinstance(user_obj, User) and any(
            may(user_obj, "view", label)
            for label in roles.TABLE
            if label.startswith(f"{app_label}.")
        )

    def get_all_permissions(self, *_: Any) -> set[str]:
        """Answer nothing: permissions are asked for one by one, no table of Django's holds them."""
        return set()


def of_company(rows: QuerySet, company_id: int | None) -> QuerySet:
    """Keep the rows of one company; without a company, none."""
    if company_id is None:
        return rows.none()
    return rows.filter(**{path_to_company(rows.model): company_id})


def path_to_company(model: type[Model]) -> str:
    """Name the look-up that leads from a model to its company."""
    if model is Company:
        return "pk"
    if has_company(model):
        return "company"
    for field in model._meta.get_fields():
        parent = field.related_model
        if field.many_to_one and not field.null and parent and has_company(parent):
            return f"{field.name}__company"
    if hasattr(model, "agreements"):
        return "agreements__company"
    raise LookupError(f"{model._meta.label} belongs to no company.")


def has_company(model: type[Model]) -> bool:
    try:
        model._meta.get_field("company")
    except FieldDoesNotExist:
        return False
    return True
