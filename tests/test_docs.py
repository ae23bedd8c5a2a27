"""What the documents name is there."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
BY_NAME = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@BY_NAME
def test_links_inside_the_project_lead_somewhere(document):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())

    assert [target for target in targets if not (document.parent / target).exists()] == []


@BY_NAME
def test_commands_exist(document):
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text()))

    assert named <= set(get_commands())


@BY_NAME
def test_make_has_the_targets_named(document):
    named = set(re.findall(r"`make ([a-z]+)", document.read_text()))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named <= targets


def test_every_variable_of_the_environment_is_listed():
    read = "".join(path.read_text() for path in (ROOT / "atmr").glob("*.py"))
    names = set(re.findall(r'(?:env_\w+\(|environ(?:\.get\(|\[))"([A-Z_]+)"', read))

    listed = set(
        re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    own = {"ATMR_ROLE", "DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "PORT", "SERVE"}
    assert names - own == listed - {"ATMR_INSTANCES", "ATMR_REQUIRE_BROWSER"}


def test_excerpts_are_what_the_files_say():
    text = (ROOT / "docs" / "patterns.md").read_text()
    excerpts = re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL)

    assert len(excerpts) > 5
    missing = [path for path, code in excerpts if code not in (ROOT / path).read_text()]
    assert missing == []
