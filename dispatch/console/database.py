"""The database page, for administrators: what the server says about itself, in a few statements.

Nothing on it shows a value of anybody's: statements appear as shapes. It needs no superuser; what
belongs to other accounts of the server is left out by PostgreSQL itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.permissions import signed_in
from atmr.statements import fingerprint, shape
from atmr.watching import recent
from atmr.watching.requests import pool_figures
from dispatch.console import catalogue

RECENT_SHOWN = 20
LONGEST_SHAPE = 600
# An index that is read less than once for this many writes to its table costs more than it gives.
WRITES_FOR_A_READ = 100


@dataclass(frozen=True)
class Index:
    """One index: how often it is read, what it weighs, how much of that is air."""

    table: str
    name: str
    keeps_rule: bool
    scans: int
    writes: int
    bytes: int
    bloat_bytes: int | None

    @property
    def use(self) -> str:
        """Say `never`, `rarely` or `used`; an index that keeps a rule serves unread."""
        if self.scans and self.scans * WRITES_FOR_A_READ >= self.writes:
            return "used"
        if self.keeps_rule:
            return "rule"
        return "rarely" if self.scans else "never"

    @property
    def bloat_share(self) -> int | None:
        return None if self.bloat_bytes is None else round(100 * self.bloat_bytes / self.bytes)


@dataclass(frozen=True)
class Table:
    """One table: its size, its rows, and what came to it since the statistics began."""

    name: str
    bytes: int
    index_bytes: int
    rows: int
    dead: int
    added: int
    hits: int
    reads: int
    index_hits: int
    index_reads: int
    vacuumed_at: datetime | None
    days: float

    @property
    def a_day(self) -> int:
        return round(self.added / self.days)

    @property
    def bytes_a_day(self) -> int:
        return round(self.a_day * self.bytes / self.rows) if self.rows else 0

    @property
    def dead_share(self) -> int:
        return round(100 * self.dead / (self.rows + self.dead)) if self.dead else 0

    @property
    def hit_share(self) -> float | None:
        return share(self.hits, self.reads)


def share(hits: int, reads: int) -> float | None:
    """Give the percentage found in memory; None when nothing was looked for."""
    return round(100 * hits / (hits + reads), 1) if hits + reads else None


@admin.site.admin_view
def database(request: HttpRequest) -> HttpResponse:
    """Show how the database is used, what is slow, and who waits for whom now."""
    if not signed_in(request).is_administrator:
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": _("Database"), **read()}
    return render(request, "dispatch/database.html", context)


def read() -> dict[str, Any]:
    """Ask the server, in as many statements as the page has tables."""
    (server,) = catalogue.rows(catalogue.SERVER)
    days = max(server["days"], 1.0)  # what came in an hour is no rate for a day
    tables = [Table(**row, days=days) for row in catalogue.rows(catalogue.TABLES)]
    indexes = [Index(**row) for row in catalogue.rows(catalogue.INDEXES)]
    return {
        "server": server,
        "tables": tables,
        "table_hits": share(sum(t.hits for t in tables), sum(t.reads for t in tables)),
        "index_hits": share(sum(t.index_hits for t in tables), sum(t.index_reads for t in tables)),
        "indexes": sorted(indexes, key=_by_use),
        "unused_bytes": sum(i.bytes for i in indexes if i.use in {"never", "rarely"}),
        "connections": catalogue.rows(catalogue.CONNECTIONS),
        "waits": _shaped(catalogue.rows(catalogue.WAITS), "waits_with", "holds_with"),
        "statements": _statements(server),
        "slow": _latest(),
        "pool": pool_figures(),
    }


def _latest() -> list[dict[str, Any]] | None:
    """Give our slow statements; None where nobody keeps them."""
    found = recent.latest(RECENT_SHOWN)
    for entry in found or []:
        entry["at"] = datetime.fromisoformat(entry["at"])
    return found if found is None else _shaped(found, "shape")


def _by_use(index: Index) -> tuple[int, int]:
    return ["never", "rarely", "rule", "used"].index(index.use), -index.bytes


def _statements(server: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Give the slowest statements; None where the server does not keep them."""
    if not (server["keeps_statements"] and server["statements_schema"]):
        return None
    view = connection.ops.quote_name(server["statements_schema"]) + ".pg_stat_statements"
    found = catalogue.rows(catalogue.STATEMENTS.format(view=view))
    for row in found:
        row["fingerprint"] = fingerprint(row["query"])
    return _shaped(found, "query")


def _shaped(found: list[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    for row in found:
        for column in columns:
            row[column] = without_values(row[column] or "")
    return found


def without_values(query: str) -> str:
    """Give the shape of what the server shows; it cuts long texts, in the middle of a value too."""
    complete, cut, _rest = shape(query).partition("'")
    text = complete + ("…" if cut else "")
    return text if len(text) <= LONGEST_SHAPE else text[:LONGEST_SHAPE] + "…"
