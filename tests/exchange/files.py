"""Files for the tests of import and export."""

import io
from pathlib import Path

import openpyxl
from django.conf import settings

from exchange.services import bringing, exporting
from exchange.services.catalogue import KINDS
from tests.factories import on_day

DOCS = Path(settings.BASE_DIR) / "docs" / "import"
NOW = on_day(6)


def kind_of(slug, company):
    return KINDS[slug](company, now=NOW)


def bring(slug, company, content, *, apply=True, **given):
    if isinstance(content, list):
        content = "\n".join(content)
    if isinstance(content, str):
        content = content.encode()
    return bringing.bring(kind=kind_of(slug, company), content=content, apply=apply, **given)


def take(slug, company, write=exporting.as_csv):
    return write(kind_of(slug, company))


def workbook(*rows, merged=(), formats=None):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def told(outcome):
    return [(error.line, error.column, error.value, str(error.message)) for error in outcome.errors]
