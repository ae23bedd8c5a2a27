"""Who may do what on what: one table, from which pages, endpoints, tests and a document follow.

What is not in it is nobody's. A driver has no row: the console and the endpoints are not theirs.
"""

from collections.abc import Iterator

from accounts.models import Role

LETTERS = {"v": "view", "a": "add", "c": "change", "d": "delete"}
COLUMNS = (Role.VIEWER, Role.DISPATCHER, Role.MANAGER, Role.ADMINISTRATOR)

# Rows of the own company; an administrator's are those of every company.
TABLE: dict[str, tuple[str, str, str, str]] = {
    # what                         viewer dispatcher manager administrator
    "accounts.company":            ("v",  "v",    "vc",   "vacd"),
    "accounts.partner":            ("v",  "v",    "v",    "vacd"),
    "accounts.partneragreement":   ("v",  "v",    "vc",   "vacd"),
    "accounts.signin":             ("",   "",     "v",    "v"),
    "accounts.user":               ("",   "",     "vac",  "vacd"),
    "bookings.booking":            ("v",  "vac",  "vac",  "vacd"),
    "bookings.bookingevent":       ("v",  "v",    "v",    "v"),
    "bookings.bookingseries":      ("v",  "vac",  "vacd", "vacd"),
    "bookings.client":             ("v",  "vac",  "vacd", "vacd"),
    "bookings.seriesexception":    ("v",  "vacd", "vacd", "vacd"),
    "bookings.seriessuspension":   ("v",  "vacd", "vacd", "vacd"),
    "dispatch.alert":              ("v",  "vc",   "vc",   "vcd"),
    "dispatch.assignment":         ("v",  "vac",  "vac",  "vac"),
    "dispatch.dispatchpolicy":     ("v",  "v",    "vac",  "vacd"),
    "dispatch.dispatchrun":        ("v",  "vac",  "vac",  "vac"),
    "dispatch.outbox":             ("v",  "v",    "v",    "v"),
    "dispatch.unassigned":         ("v",  "v",    "v",    "v"),
    "django_celery_results.taskresult": ("", "", "",      "v"),
    "fleet.absence":               ("v",  "vac",  "vacd", "vacd"),
    "fleet.driver":                ("v",  "v",    "vacd", "vacd"),
    "fleet.driverdocument":        ("v",  "v",    "vacd", "vacd"),
    "fleet.place":                 ("v",  "vac",  "vacd", "vacd"),
    "fleet.position":              ("v",  "v",    "v",    "v"),
    "fleet.shift":                 ("v",  "vac",  "vacd", "vacd"),
    "fleet.vehicle":               ("v",  "v",    "vacd", "vacd"),
    "fleet.vehiclelayout":         ("v",  "v",    "vacd", "vacd"),
}  # fmt: skip
# Rows of the past hold what has been corrected since.
HISTORY = ("", "", "v", "v")
# Decisions bring these about; the console's own forms only show them.
SHOWN_ONLY = frozenset(
    {
        *("bookings.bookingevent", "dispatch.assignment", "dispatch.dispatchrun"),
        *("dispatch.outbox", "dispatch.unassigned", "django_celery_results.taskresult"),
        *("fleet.position", "accounts.signin"),
    }
)

DAGGER = "\N{DAGGER}"

ANYONE = "anyone"
MACHINE = "this machine, or who shows the token"
STAFF = "whoever signs in to the console"
ADMINISTRATORS = "administrators"

# The pages beside the lists and forms of each row above, by the name of their route, and the
# actions of lists, by model and name. The rule is one of the four, or an action on a model; `each`
# is an endpoint, whose methods view, add, change and delete.
PAGES: dict[str, str] = {
    "healthz": ANYONE,
    "readyz": ANYONE,
    "metrics": MACHINE,
    "admin:login": ANYONE,
    "accounts.signin.sign_in": ANYONE,
    "admin:logout": ANYONE,
    "admin:index": STAFF,
    "admin:app_list": STAFF,
    "admin:search": STAFF,
    "admin:autocomplete": STAFF,
    "admin:jsi18n": STAFF,
    "admin:password_change": STAFF,
    "admin:password_change_done": STAFF,
    "admin:auth_user_password_change": ADMINISTRATORS,
    "admin_password_reset": ANYONE,
    "access:link": ANYONE,
    "access:arrive": ANYONE,
    "access:account": STAFF,
    "accounts.user:send_invitations": "change accounts.user",
    "accounts.user:reset_second_factor": "change accounts.user",
    "accounts.user:switch_off": "change accounts.user",
    "accounts.user:end_sessions": "change accounts.user",
    "accounts.signin:end_sessions": "change accounts.user",
    "access:verify": STAFF,
    "access:enrol": STAFF,
    "access:remove_factor": STAFF,
    "access:end_session": STAFF,
    "access:end_others": STAFF,
    "accounts.pages.change_password": STAFF,
    "admin:bookings_booking_export": "view bookings.booking",
    "console:today": STAFF,
    "console:day": "view dispatch.assignment",
    "console:stops": "view dispatch.assignment",
    "console:plan": "change dispatch.dispatchrun",
    "console:apply": "change dispatch.dispatchrun",
    "console:undo": "change dispatch.dispatchrun",
    "console:announce": "change dispatch.dispatchrun",
    "console:resolve": "change dispatch.dispatchrun",
    "console:database": ADMINISTRATORS,
    "exchange:files": STAFF,
    "exchange:bring-places": "change fleet.place",
    "exchange:bring-vehicles": "change fleet.vehicle",
    "exchange:bring-drivers": "change fleet.driver",
    "exchange:bring-clients": "change bookings.client",
    "exchange:bring-shifts": "change fleet.shift",
    "exchange:bring-series": "change bookings.bookingseries",
    "exchange:bring-bookings": "add bookings.booking",
    "exchange:export-places": "view fleet.place",
    "exchange:export-vehicles": "view fleet.vehicle",
    "exchange:export-drivers": "view fleet.driver",
    "exchange:export-clients": "view bookings.client",
    "exchange:export-shifts": "view fleet.shift",
    "exchange:export-series": "view bookings.bookingseries",
    "dispatch.alert:resolve": "change dispatch.alert",
    "fleet.shift:cancel_shifts": "change fleet.shift",
    "run-list": "each dispatch.dispatchrun",
    "run-detail": "each dispatch.dispatchrun",
    "run-result": "each dispatch.dispatchrun",
    "assignment-list": "each dispatch.assignment",
    "assignment-detail": "each dispatch.assignment",
    "metrics-list": "each dispatch.dispatchrun",
}
# The decisions about bookings, each behind its button on the day page and in the list.
DECISIONS: dict[str, str] = {
    **dict.fromkeys(
        [
            *("accept", "reject", "confirm", "retime", "promise", "cancel", "correct"),
            *("en-route", "arrived", "on-board", "completed", "no-show"),
        ],
        "change bookings.booking",
    ),
    "assign": "add dispatch.assignment",
    **dict.fromkeys(
        ["move", "take-back", "lock-driver", "lock-times", "unlock"], "change dispatch.assignment"
    ),
    "return": "add bookings.booking",
}


def actions_of(role: Role, label: str) -> frozenset[str]:
    """Give what a role may do with the rows of a model (`fleet.shift`)."""
    row = HISTORY if label.endswith("history") else TABLE.get(label)
    if row is None or role not in COLUMNS:
        return frozenset()
    return frozenset(LETTERS[letter] for letter in row[COLUMNS.index(role)])


def allows(role: Role, rule: str, *, action: str = "view") -> bool:
    """Say whether a rule of `PAGES` or `DECISIONS` lets a role in."""
    if rule in {ANYONE, MACHINE}:
        return rule == ANYONE
    if rule in {STAFF, ADMINISTRATORS}:
        return role in COLUMNS if rule == STAFF else role == Role.ADMINISTRATOR
    wanted, _, label = rule.partition(" ")
    return (action if wanted == "each" else wanted) in actions_of(role, label)


def document() -> str:
    """Write the table as the page `docs/roles.md`."""
    return "\n".join([*_head(), *_rows(), *_pages(), ""])


def _head() -> Iterator[str]:
    yield from (
        "# Who may do what",
        "",
        "Written by `manage.py roles` from `accounts/roles.py`, where the table decides; a test",
        "compares. Everybody but an administrator reaches the own company alone: what belongs to",
        "another one does not exist for them. What is not in the table is nobody's.",
        "",
        "- **Viewer**: looks. **Dispatcher**: runs the day. **Manager**: also people and fleet.",
        "- **Administrator**: keeps the installation, for every company; belongs to none, so the",
        "  company's endpoints are closed to them.",
        "- **Driver**: has a row nowhere. Neither the console nor the endpoints let them in.",
        "",
    )


def _rows() -> Iterator[str]:
    roles = " | ".join(role.value for role in COLUMNS)
    yield "## Rows"
    yield ""
    yield f"| rows | {roles} | driver |"
    yield "|---" * (len(COLUMNS) + 2) + "|"
    for label in [*TABLE, "history"]:
        cells = " | ".join(_words(actions_of(role, label)) for role in COLUMNS)
        name = "what any row was before" if label == "history" else f"`{label}`"
        mark = f" {DAGGER}" if label in SHOWN_ONLY else ""
        yield f"| {name}{mark} | {cells} | - |"
    yield ""
    yield f"{DAGGER} decisions and the program write them; the console's forms only show them."
    yield ""


def _words(actions: frozenset[str]) -> str:
    return ", ".join(word for word in LETTERS.values() if word in actions) or "-"


def _pages() -> Iterator[str]:
    yield from (
        "## Pages, endpoints, actions, decisions",
        "",
        "Lists, forms, deleting and the past of a row follow the table above. The rest, by name:",
        "",
        "| name | who |",
        "|---|---|",
    )
    decisions = {f"decision `{name}`": rule for name, rule in DECISIONS.items()}
    pages = {f"`{name}`": rule for name, rule in PAGES.items()}
    for name, rule in (pages | decisions).items():
        yield f"| {name} | {_who(rule)} |"


def _who(rule: str) -> str:
    wanted, _, label = rule.partition(" ")
    if wanted == "each":
        return f"each method as on `{label}`"
    return f"who may {wanted} `{label}`" if wanted in LETTERS.values() else rule
