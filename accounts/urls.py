"""The pages of people's own accounts, under the admin."""

from django.urls import path

from accounts import factors, pages

app_name = "access"
urlpatterns = [
    path("link/", pages.link, name="link"),
    path("link/<str:token>/", pages.arrive, name="arrive"),
    path("account/", pages.account, name="account"),
    path("account/code/", factors.verify, name="verify"),
    path("account/second-factor/", factors.enrol, name="enrol"),
    path("account/second-factor/remove/", factors.remove, name="remove_factor"),
    path("account/sessions/<int:number>/end/", pages.end_session, name="end_session"),
    path("account/sessions/end/", pages.end_others, name="end_others"),
]
