"""Every text speaks French and German, and what is compiled is what is written."""

import ast
import re
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils.translation.template import templatize

FOLDERS = [Path(folder) for folder in settings.LOCALE_PATHS]
CATALOGUES = [
    folder / language / "LC_MESSAGES" / "django.po"
    for folder in FOLDERS
    for language in ("fr", "de")
]
PACKAGES = ["atmr", "accounts", "fleet", "bookings", "dispatch", "exchange", "benchmarks"]
MARKERS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}


def name_of(catalogue):
    return str(catalogue.relative_to(settings.BASE_DIR))


every_catalogue = pytest.mark.parametrize("path", CATALOGUES, ids=name_of)


def texts_of_code(source):
    """Give the texts that a module marks for translation."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            if node.func.id in MARKERS and isinstance(first, ast.Constant):
                yield first.value


def texts_of_template(source):
    """Give the texts that a template marks, as gettext's own tool would read them."""
    for quoted in re.findall(
        r"n?gettext\(u?((?:'(?:\\.|[^'\\])*')|(?:\"(?:\\.|[^\"\\])*\"))",
        templatize(source).replace("_(", "gettext("),
    ):
        yield ast.literal_eval(quoted)


def texts_of_sources():
    for package in PACKAGES:
        for path in sorted((settings.BASE_DIR / package).rglob("*")):
            if path.suffix == ".py" and "migrations" not in path.parts:
                yield from ((text, path) for text in texts_of_code(path.read_text()))
            elif path.suffix == ".html":
                yield from ((text, path) for text in texts_of_template(path.read_text()))


@every_catalogue
def test_nothing_is_untranslated_or_guessed(path):
    catalogue = polib.pofile(str(path))

    assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == []


@pytest.mark.parametrize("language", ["fr", "de"])
def test_every_text_of_the_sources_is_in_the_catalogue(language):
    catalogue = polib.pofile(str(FOLDERS[0] / language / "LC_MESSAGES" / "django.po"))
    known = {entry.msgid for entry in catalogue}

    missing = {(text, path.name) for text, path in texts_of_sources() if text not in known}

    assert missing == set()


def test_the_sources_are_read():
    found = {text for text, _path in texts_of_sources()}

    assert "Bookings" in found  # from a module
    assert "Plan the day" in found  # from a template


@every_catalogue
def test_what_is_compiled_is_what_is_written(path):
    written = {
        entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in polib.pofile(str(path))
    }
    compiled = {
        entry.msgid: (entry.msgstr, entry.msgstr_plural)
        for entry in polib.mofile(str(path.with_suffix(".mo")))
    }

    assert compiled == written


@every_catalogue
def test_a_translation_names_what_its_text_names(path):
    blanks = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
    for entry in polib.pofile(str(path)):
        for translation in filter(None, [entry.msgstr, *entry.msgstr_plural.values()]):
            assert sorted(blanks.findall(translation)) == sorted(blanks.findall(entry.msgid))


def test_german_is_written_as_in_switzerland():
    for path in CATALOGUES:
        if "de" in path.parts:
            assert "ß" not in path.read_text()
