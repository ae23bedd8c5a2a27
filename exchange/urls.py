"""The pages of files, under the admin."""

from django.urls import path

from exchange.console import views

app_name = "exchange"
urlpatterns = [
    path("files/", views.files, name="files"),
    path("files/<slug:company>/<slug:kind>/", views.bring, name="bring"),
    path("files/<slug:company>/<slug:kind>/export/", views.export, name="export"),
]
