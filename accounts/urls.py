"""The pages of people's own accounts, under the admin."""

from django.urls import path

from accounts import pages

app_name = "access"
urlpatterns = [
    path("link/", pages.link, name="link"),
    path("link/<str:token>/", pages.arrive, name="arrive"),
    path("account/", pages.account, name="account"),
    path("account/sessions/<int:number>/end/", pages.end_session, name="end_session"),
    path("account/sessions/end/", pages.end_others, name="end_others"),
]
