"""Where requests go: the admin, which is the operations console, and the health checks."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from accounts import pages
from accounts.signin import sign_in
from atmr import api, exporter, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", exporter.metrics, name="metrics"),
    path("api/v1/", include(api.router.urls)),
    path("admin/login/", sign_in),  # in front of the admin's own, under its name
    path("admin/password_change/", pages.change_password),
    path("admin/forgotten/", pages.forgotten, name="admin_password_reset"),
    path("admin/", include("accounts.urls")),
    path("admin/", include("dispatch.urls")),
    path("admin/", include("exchange.urls")),
    path("admin/", admin.site.urls),
]

if settings.DEVTOOLS:
    urlpatterns += [
        path("__debug__/", include("debug_toolbar.urls")),
        path("silk/", include("silk.urls", namespace="silk")),
    ]
