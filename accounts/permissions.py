"""Who may do what: one table of roles, and what a person's company lets them see."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.models import Company, Role, User

if TYPE_CHECKING:
    from rest_framework.request import Request

READERS = frozenset({Role.VIEWER, Role.DISPATCHER, Role.MANAGER})
APPS = frozenset({"accounts", "fleet", "bookings", "dispatch"})

_DISPATCHER: dict[str, frozenset[str]] = {
    "bookings.booking": frozenset({"add", "change"}),
    "bookings.bookingseries": frozenset({"add", "change"}),
    "bookings.client": frozenset({"add", "change"}),
    "bookings.seriesexception": frozenset({"add", "change", "delete"}),
    "bookings.seriessuspension": frozenset({"add", "change", "delete"}),
    "dispatch.alert": frozenset({"change"}),
    "dispatch.assignment": frozenset({"add", "change"}),
    "dispatch.dispatchrun": frozenset({"add", "change"}),
    "fleet.absence": frozenset({"add", "change"}),
    "fleet.place": frozenset({"add", "change"}),
    "fleet.shift": frozenset({"add", "change"}),
}
_ALL = frozenset({"add", "change", "delete"})
# What a role may change; every reader may look at the rest, an administrator may do everything.
MAY: dict[Role, dict[str, frozenset[str]]] = {
    Role.VIEWER: {},
    Role.DISPATCHER: _DISPATCHER,
    Role.MANAGER: _DISPATCHER
    | {
        "accounts.partneragreement": frozenset({"change"}),
        "accounts.user": frozenset({"add", "change"}),
        "bookings.bookingseries": _ALL,
        "bookings.client": _ALL,
        "dispatch.dispatchpolicy": frozenset({"add", "change"}),
        "fleet.absence": _ALL,
        "fleet.driver": _ALL,
        "fleet.driverdocument": _ALL,
        "fleet.place": _ALL,
        "fleet.shift": _ALL,
        "fleet.vehicle": _ALL,
        "fleet.vehiclelayout": _ALL,
    },
}
MANAGERS_SEE = frozenset({"accounts.user"})


def may(user: User, action: str, label: str) -> bool:
    """Say whether the role of `user` allows `action` on the model `label` (`fleet.shift`)."""
    if not user.is_active:
        return False
    if user.is_administrator:
        return True
    role = Role(user.role)
    if role not in READERS or label.partition(".")[0] not in APPS:
        return False
    if action == "view":
        # Rows of the past hold what has been corrected since.
        only_managers = label in MANAGERS_SEE or label.endswith("history")
        return role == Role.MANAGER or not only_managers
    return action in MAY[role].get(label, ())


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
        if not isinstance(user_obj, User) or not user_obj.is_active:
            return False
        return user_obj.is_administrator or (user_obj.role in READERS and app_label in APPS)

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
