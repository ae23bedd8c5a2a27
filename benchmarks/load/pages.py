"""Reading pages as a person does: the forms and the links that are on them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_LINK = re.compile(r'<a[^>]*\bhref="([^"]*)"')
_FETCHED = re.compile(r'<details class="driver" hx-get="([^"]*)"')


@dataclass
class Form:
    """A form of a page, with what a browser would send if nobody touched it."""

    id: str = ""
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._name = ""  # of the select or the text area that is open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("id", ""), given.get("action", ""))
            self.forms.append(self._form)
        elif self._form is not None:
            self._control(self._form, tag, given)

    def _control(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name = given.get("name", "")
        if tag == "input" and name:
            ticked = given.get("type") not in {"checkbox", "radio"} or "checked" in given
            if ticked and given.get("type") != "submit":
                form.fields[name] = given.get("value", "on" if "checked" in given else "")
        elif tag in {"select", "textarea"}:
            self._name = name
            form.fields[name] = ""
            form.choices[name] = []
        elif tag == "option" and self._name:
            form.choices[self._name].append(given.get("value", ""))
            if "selected" in given:
                form.fields[self._name] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._name and not self._form.choices[self._name]:
            self._form.fields[self._name] += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag in {"select", "textarea"}:
            self._name = ""


def forms_of(html: str) -> list[Form]:
    reader = _Reader()
    reader.feed(html)
    return [form for form in reader.forms if "csrfmiddlewaretoken" in form.fields]


def find_form(html: str, *, id: str = "", action: str = "") -> Form | None:  # noqa: A002
    """Find the form with this id, or the one that leads to an address with this end."""
    for form in forms_of(html):
        if (id and form.id == id) or (not id and form.action.endswith(action)):
            return form
    return None


def drivers_of(html: str) -> list[str]:
    """Give the addresses that a day page fetches a driver's stops from."""
    return _FETCHED.findall(html)


def links_of(html: str, part: str) -> list[str]:
    """Give the addresses of links that hold `part`."""
    return [link.replace("&amp;", "&") for link in _LINK.findall(html) if part in link]
