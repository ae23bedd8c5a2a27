"""The list of bookings as a file."""

from collections.abc import Iterator

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.changelist import PagedAdmin
from dispatch.services import exporting


def export(page: PagedAdmin, request: HttpRequest) -> HttpResponseBase:
    """Send the bookings of the list, filtered and ordered as it is, to whoever may see it."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    try:
        bookings = page.listed(request)
    except IncorrectLookupParameters:
        return HttpResponseRedirect(reverse("admin:bookings_booking_changelist"))
    lines = exporting.csv_of(bookings)
    # The first rows are read here, from the server that the door has chosen; the rest follows.
    content = _from(next(lines), lines)
    name = f"bookings-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def _from(first: str, rest: Iterator[str]) -> Iterator[str]:
    """Go on with what was begun; closing this closes the cursor behind the rest."""
    yield first
    yield from rest
