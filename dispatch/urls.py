"""The console's own pages, under the admin."""

from datetime import date

from django.urls import path, register_converter

from dispatch.console import database, deciding, views


class DayConverter:
    """A day of the calendar, written 2026-11-23."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


register_converter(DayConverter, "day")

app_name = "console"
urlpatterns = [
    path("day/<slug:company>/", views.today, name="today"),
    path("day/<slug:company>/<day:day>/", views.day, name="day"),
    path("day/<slug:company>/<day:day>/<int:shift>/", views.stops, name="stops"),
    path("day/<slug:company>/<day:day>/plan/", views.plan, name="plan"),
    path("day/<slug:company>/<day:day>/apply/", views.apply, name="apply"),
    path("day/<slug:company>/<day:day>/undo/", views.undo, name="undo"),
    path("day/<slug:company>/<day:day>/announce/", views.announce, name="announce"),
    path("day/<slug:company>/<day:day>/resolve/", views.resolve, name="resolve"),
    path("database/", database.database, name="database"),
    path("decide/<slug:step>/", deciding.decide, name="decide"),
]
