"""Every way in, found by walking the routes: its address, its method, and its rule."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, get_resolver, reverse

from accounts import roles
from accounts.api import ACTIONS
from dispatch.console.decisions import STEPS
from tests.factories import DAY

# Of a model's own pages: what it is to open them, and to send their form.
PAGES = {
    "changelist": ("view", "view"),
    "history": ("view", "view"),
    "add": ("add", "add"),
    "change": ("view", "change"),
    "delete": ("delete", "delete"),
}
# What only leads elsewhere, or answers that there is no such page.
ASIDE = (
    "django.views.generic.base.RedirectView",
    "django.contrib.admin.sites.AdminSite.catch_all_view",
    "admin:view_on_site",  # no model of ours has a page outside the console
)
# What no name leads to, or what asks for more than its name.
ADDRESSES = {
    "accounts.signin.sign_in": "/admin/login/",
    "accounts.pages.change_password": "/admin/password_change/",
    "admin:autocomplete": (
        "/admin/autocomplete/?app_label=fleet&model_name=shift&field_name=driver&term=x"
    ),
    "metrics-list": f"/api/v1/company/metrics/?day={DAY}",
}


@dataclass(frozen=True)
class Door:
    """One method of one address."""

    name: str
    address: str
    method: str
    rule: str
    action: str = "view"
    is_endpoint: bool = False
    is_of_a_company: bool = False  # names a row, a company or a booking
    is_shown_only: bool = False
    form: dict[str, Any] = field(default_factory=dict)


def walk(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Give each route under its full name; one without a name under that of its view."""
    for entry in (resolver or get_resolver()).url_patterns:
        if hasattr(entry, "url_patterns"):
            inner = f"{prefix}{entry.namespace}:" if entry.namespace else prefix
            yield from walk(entry, inner)
        else:
            yield f"{prefix}{entry.name}" if entry.name else entry.lookup_str, entry


def named_routes() -> dict[str, URLPattern]:
    return {name: route for name, route in walk() if name not in ASIDE}


def page_of_model(name: str) -> tuple[type, str] | None:
    """Tell of which model a page of the admin is, and which of its pages."""
    for model in admin.site._registry:
        start = f"admin:{model._meta.label_lower.replace('.', '_')}_"
        if name.removeprefix(start) in PAGES:
            return model, name.removeprefix(start)
    return None


def rule_of(name: str) -> str | None:
    """Give the rule of a route; the pages of a model's rows follow the table of rows."""
    if found := page_of_model(name):
        label = found[0]._meta.label_lower
        return f"each {label}" if label in roles.TABLE else None
    if name == "console:decide":
        return ", ".join(roles.DECISIONS)
    return roles.PAGES.get(name)


def doors_of(rows: dict[type, Any]) -> Iterator[Door]:
    """Give every door, with the addresses of these rows."""
    for name, route in named_routes().items():
        if found := page_of_model(name):
            yield from _of_model(name, *found, rows)
        elif name == "console:decide":
            yield from _decisions(rows)
        elif actions := getattr(route.callback, "actions", None):
            yield from _of_endpoint(name, route, actions, rows)
        else:
            yield from _of_page(name, route, rows)


def _of_model(name: str, model: type, page: str, rows: dict[type, Any]) -> Iterator[Door]:
    label = model._meta.label_lower
    is_of_row = page in {"history", "change", "delete"}
    address = reverse(name, args=[rows[model].pk] if is_of_row else [])
    methods = ["GET"] if page in {"history", "changelist"} else ["GET", "POST"]
    for method, action in zip(methods, PAGES[page], strict=False):
        yield Door(
            name,
            address,
            method,
            f"each {label}",
            action,
            is_of_a_company=is_of_row,
            is_shown_only=label in roles.SHOWN_ONLY and action != "view",
        )


def _decisions(rows: dict[type, Any]) -> Iterator[Door]:
    booking = next(row for model, row in rows.items() if model.__name__ == "Booking")
    for step in STEPS:
        address = f"{reverse('console:decide', args=[step.slug])}?booking={booking.pk}"
        for method in ("GET", "POST"):
            yield Door(step.slug, address, method, roles.DECISIONS[step.slug], is_of_a_company=True)


def _of_endpoint(
    name: str, route: URLPattern, actions: dict[str, str], rows: dict[type, Any]
) -> Iterator[Door]:
    label = roles.PAGES[name].partition(" ")[2]
    row = next((row for model, row in rows.items() if model._meta.label_lower == label), None)
    is_of_row = "pk" in route.pattern.regex.groupindex
    address = ADDRESSES.get(name) or reverse(name, args=[row.pk] if is_of_row else [])
    form = {model.__name__.lower(): row.pk for model, row in rows.items()}
    for method in tuple(actions):  # the first request adds HEAD
        if method.upper() in ACTIONS:
            yield Door(
                name,
                address,
                method.upper(),
                roles.PAGES[name],
                ACTIONS[method.upper()],
                is_endpoint=True,
                is_of_a_company=is_of_row,
                form=form if method == "post" else {},
            )


def _of_page(name: str, route: URLPattern, rows: dict[type, Any]) -> Iterator[Door]:
    by_name = {model.__name__: row for model, row in rows.items()}
    known = {
        "company": by_name["Company"].slug,
        "day": DAY,
        "shift": by_name["Shift"].pk,
        "id": by_name["User"].pk,
        "app_label": "fleet",
        "token": "nonsense",
        "number": 0,
    }
    wanted = {key: known[key] for key in route.pattern.regex.groupindex}
    address = ADDRESSES.get(name) or reverse(name, kwargs=wanted)
    form = {"run": by_name["DispatchRun"].pk, "alert": by_name["Alert"].pk}
    for method in ("GET", "POST"):
        yield Door(
            name,
            address,
            method,
            roles.PAGES[name],
            is_of_a_company=bool({"company", "id"} & set(wanted)),
            form=form if method == "POST" else {},
        )
