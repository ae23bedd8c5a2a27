"""The command that counts reads with a replica and without."""

import json

import pytest
from django.core.management import CommandError, call_command

from tests.factories import DAY, AssignmentFactory

pytestmark = pytest.mark.django_db


def test_a_client_reads_until_its_time_is_up(capsys):
    company = AssignmentFactory().company

    call_command("bench_replica", company=company.slug, day=DAY, seconds=0.01, client="default")

    assert json.loads(capsys.readouterr().out)["reads"] >= 3


def test_a_client_of_a_replica_that_is_none_says_so():
    company = AssignmentFactory().company

    with pytest.raises(CommandError, match="cannot be used"):
        call_command("bench_replica", company=company.slug, day=DAY, seconds=0.01, client="replica")
