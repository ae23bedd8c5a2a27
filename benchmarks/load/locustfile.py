"""A working day, click by click. Started by `bench_load`, which says who signs in and where.

Between two clicks a person reads, telephones and thinks, 5 to 15 seconds. Half of the people work
in companies of the benchmark, where they also take decisions; the others read years of history.
Each comes from an address of their own, as behind a proxy: the limit at the sign-in is by address.
"""

import json
import os
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import gevent
from locust import HttpUser, between, events
from locust.env import Environment

from benchmarks.load.pages import Form, drivers_of, find_form, links_of

FOLDER = Path(os.environ["ATMR_LOAD_FOLDER"])
STAGE = json.loads((FOLDER / "stage.json").read_text())
NUMBER, SIGNED_IN = count(), count(1)
CHANCE = Random(0)  # noqa: S311 - what people click next is no secret
REPORTS = ("decide/en-route/", "decide/arrived/", "decide/on-board/", "decide/completed/")
PLACES = "aceghlm"
# The server believes that a proxy ended TLS, and says that its cookies are for TLS only.
DefaultCookiePolicy.return_ok_secure = lambda *_: True  # type: ignore[method-assign]
STATES = ("accepted", "assigned", "completed", "cancelled")


def measure(environment: Environment) -> None:
    """Everybody is at work: from now on it counts, for as long as was asked."""
    environment.stats.reset_all()
    (FOLDER / "began").touch()
    if environment.runner is not None:
        gevent.spawn_later(STAGE["seconds"], environment.runner.quit)


@events.test_stopping.add_listener
def report(environment: Environment, **_rest: Any) -> None:
    """The time is over: what people do to leave does not count."""
    entries = environment.stats.serialize_stats()
    errors = [
        {"name": e.name, "error": str(e.error), "occurrences": e.occurrences}
        for e in environment.stats.errors.values()
    ]
    (FOLDER / "stats.json").write_text(json.dumps({"entries": entries, "errors": errors}))


class Person(HttpUser):
    """Somebody at the console."""

    wait_time = between(*STAGE["think_s"])

    def on_start(self) -> None:
        person = STAGE["people"][next(NUMBER) % len(STAGE["people"])]
        self.person: dict[str, Any] = person
        self.client.headers.update(
            {
                "X-Forwarded-For": person["address"],
                "X-Forwarded-Proto": "https",
                "Referer": f"{self.host}/".replace("http:", "https:"),
            }
        )
        self.tasks = [*_mixed(ACTING if person["acts"] else READING)]
        page = self.get("/admin/login/?next=/admin/", "sign-in page")
        self.post(page, find_form(page, id="login-form"), "sign in", "/admin/login/?next=/admin/",
                  username=person["email"], password=person["password"])  # fmt: skip
        if next(SIGNED_IN) == len(STAGE["people"]):
            # Fifty passwords checked within seconds keep both cores busy, and are no working day.
            gevent.spawn_later(STAGE["think_s"][1], measure, self.environment)
        self.think()

    def on_stop(self) -> None:
        page = self.get("/admin/", "sign out")
        self.post(page, find_form(page, action="/logout/"), "sign out", "/admin/logout/")

    def get(self, address: str, name: str, **query: str) -> str:
        with self.client.get(address, name=name, params=query, catch_response=True) as answer:
            if "/admin/login/" in answer.url and not address.startswith("/admin/login/"):
                answer.failure("the page asks to sign in")
        return str(answer.text)

    def post(self, page: str, form: Form | None, name: str, address: str, **answers: str) -> str:
        """Send a form with some of its fields filled in; give the page that it leads to.

        A form that comes back was refused, by a rule: two people clicked the same, or too late.
        """
        if form is None:
            return page
        with self.client.post(
            address, form.fields | answers, name=name, catch_response=True
        ) as answer:
            back = answer.url.endswith(address) and "errornote" in answer.text
            if answer.ok and (back or 'class="notice bad"' in answer.text):
                answer.request_meta["name"] = f"{name}, refused"
        return str(answer.text)

    def think(self) -> None:
        """Read the page, before the next click."""
        self.wait()  # type: ignore[no-untyped-call]

    @property
    def day_page(self) -> str:
        return f"/admin/day/{self.person['slug']}/{self.person['day']}/"


def bookings(person: Person) -> None:
    person.get("/admin/bookings/booking/", "list: bookings")


def bookings_of_day(person: Person) -> None:
    query = {"day": person.person["day"], "status__exact": CHANCE.choice(STATES)}
    person.get("/admin/bookings/booking/", "list: bookings, filtered", **query)


def bookings_found(person: Person) -> None:
    query = {"q": CHANCE.choice(person.person["terms"])}
    person.get("/admin/bookings/booking/", "list: bookings, searched", **query)


def older_bookings(person: Person) -> None:
    """Leaf through older pages, each from the one before."""
    path = "/admin/bookings/booking/"
    page = person.get(path, "list: bookings")
    for _ in range(CHANCE.randint(1, 3)):
        older = [link for link in links_of(page, "p=") if link.startswith("?")]
        if not older:
            return
        person.think()
        page = person.get(path + older[-1], "list: bookings, older")


def assignments(person: Person) -> None:
    person.get("/admin/dispatch/assignment/", "list: assignments")


def assignments_of_day(person: Person) -> None:
    query = {"day": person.person["day"]}
    person.get("/admin/dispatch/assignment/", "list: assignments, filtered", **query)


def shifts(person: Person) -> None:
    person.get("/admin/fleet/shift/", "list: shifts")


def clients(person: Person) -> None:
    query = {"q": CHANCE.choice(person.person["terms"])}
    person.get("/admin/bookings/client/", "list: clients, searched", **query)


def drivers(person: Person) -> None:
    person.get("/admin/fleet/driver/", "list: drivers")


def day(person: Person) -> None:
    person.get(person.day_page, "day page")


def bookings_as_csv(person: Person) -> None:
    query = {"day": person.person["day"]}
    person.get("/admin/bookings/booking/export/", "a day as CSV", **query)


def one_booking(person: Person) -> None:
    page = person.get("/admin/bookings/booking/", "list: bookings")
    if found := links_of(page, "/change/"):
        person.think()
        person.get(CHANCE.choice(found), "booking")


def api_assignments(person: Person) -> None:
    query = {"day": person.person["day"]}
    person.get("/api/v1/company/assignments/", "api: assignments", **query)


def api_runs(person: Person) -> None:
    person.get("/api/v1/company/runs/", "api: runs")


def who_could(person: Person) -> None:
    """Ask who could take a ride: the form that offers the shifts of the day."""
    page = person.get(person.day_page, "day page")
    links = links_of(page, "decide/assign/") or links_of(_open(person, page), "decide/move/")
    if links:
        person.think()
        person.get(CHANCE.choice(links), "who could take it")


def _open(person: Person, page: str) -> str:
    """Open one driver's line of the day page."""
    drivers = drivers_of(page)
    return person.get(CHANCE.choice(drivers), "a driver's stops") if drivers else ""


def report_from_the_road(person: Person) -> None:
    page = _open(person, person.get(person.day_page, "day page"))
    links = [link for part in REPORTS for link in links_of(page, part)]
    if links:
        address = CHANCE.choice(links)
        person.think()
        page = person.get(address, "status event, asked")
        person.think()
        person.post(page, find_form(page), "status event", address)


def book(person: Person) -> None:
    """Book through the form of the console, with its two searches as one types."""
    path = "/admin/bookings/booking/add/"
    page = person.get(path, "booking form")
    client = _found(person, "client", CHANCE.choice(person.person["terms"]))
    places = _found(person, "pickup_place", CHANCE.choice(PLACES))
    if not client or len(places) < 2:
        return
    person.think()
    start, end = CHANCE.sample(places, 2)
    hour, minute = CHANCE.randint(7, 18), CHANCE.choice((0, 15, 30, 45))
    answers = {
        "client": client[0],
        "pickup_place": start,
        "delivery_place": end,
        "requested_pickup_at_0": person.person["day"],
        "requested_pickup_at_1": f"{hour:02}:{minute:02}:00",
    }
    person.post(page, find_form(page, id="booking_form"), "booking made", path, **answers)


def _found(person: Person, field: str, term: str) -> list[str]:
    query = {
        "app_label": "bookings", "model_name": "booking", "field_name": field, "term": term,
    }  # fmt: skip
    found = person.get("/admin/autocomplete/", "search as one types", **query)
    return [str(row["id"]) for row in json.loads(found)["results"]]


def plan(person: Person) -> None:
    """Plan the day, two seconds of search, and apply the proposal."""
    page = person.get(person.day_page, "day page")
    person.think()
    address = f"{person.day_page}plan/"
    page = person.post(page, find_form(page, action="/plan/"), "plan", address)
    person.think()
    address = f"{person.day_page}apply/"
    person.post(page, find_form(page, action="/apply/"), "apply", address)


READING: dict[Callable[[Person], None], int] = {
    bookings: 8,
    bookings_of_day: 10,
    bookings_found: 6,
    older_bookings: 4,
    bookings_as_csv: 1,
    one_booking: 6,
    assignments: 4,
    assignments_of_day: 6,
    shifts: 3,
    clients: 5,
    drivers: 2,
    day: 12,
    api_assignments: 5,
    api_runs: 2,
}
ACTING = READING | {who_could: 8, report_from_the_road: 20, book: 8, plan: 1}


def _mixed(weights: dict[Callable[[Person], None], int]) -> list[Callable[[Person], None]]:
    return [task for task, weight in weights.items() for _ in range(weight)]


Person.tasks = [*_mixed(READING)]  # until somebody has signed in, who may have more
