"""The pages of files, under the admin. Each kind has its own routes, so each has its own rule."""

from django.urls import path

from exchange.console import views
from exchange.services.catalogue import EXPORTED, KINDS

app_name = "exchange"
urlpatterns = [
    path("files/", views.files, name="files"),
    *(
        path(f"files/<slug:company>/{slug}/", views.bring, {"kind": slug}, name=f"bring-{slug}")
        for slug in KINDS
    ),
    *(
        path(
            f"files/<slug:company>/{slug}/export/",
            views.export,
            {"kind": slug},
            name=f"export-{slug}",
        )
        for slug in EXPORTED
    ),
]
