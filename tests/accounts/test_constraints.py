"""What the database refuses about companies, people and partners."""

import pytest

from accounts.models import Role
from tests.constraints import CHANGES, WAYS, cases, refused_by
from tests.factories import (
    CompanyFactory,
    PartnerAgreementFactory,
    PartnerFactory,
    SignInFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

NAN = float("nan")


def base(lat, lon):
    return {"base_lat": lat, "base_lon": lon}


AT_THE_BOUND = cases(
    (
        CompanyFactory,
        "company_base_on_earth",
        [base(90, 180), base(-90, -180), base(0, 0), base(None, None)],
    ),
    (UserFactory, "user_email_lower_case", [{"email": "anna@example.org"}]),
    (UserFactory, "user_has_company", [{"role": Role.ADMINISTRATOR, "company": None}]),
    (UserFactory, "user_role_known", [{"role": role} for role in Role.values]),
    (
        SignInFactory,
        "signin_of_somebody",
        [{"user": None, "succeeded": False}, {"succeeded": True}],
    ),
)
PAST_THE_BOUND = cases(
    (
        CompanyFactory,
        "company_base_on_earth",
        [
            base(90.001, 0),
            base(-90.001, 0),
            base(0, 180.001),
            base(0, -180.001),
            base(46.2, None),
            base(None, 6.1),
            base(NAN, 6.1),
        ],
    ),
    (UserFactory, "user_email_lower_case", [{"email": "Anna@example.org"}]),
    (UserFactory, "user_has_company", [{"role": Role.MANAGER, "company": None}]),
    (SignInFactory, "signin_of_somebody", [{"user": None}]),
    (UserFactory, "user_role_known", [{"role": "owner"}]),
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("maker", "name", "values"), AT_THE_BOUND)
def test_row_at_the_bound_is_accepted(maker, name, values, change):
    change(maker(), values)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("maker", "name", "values"), PAST_THE_BOUND)
def test_row_past_the_bound_is_refused_by_name(maker, name, values, way):
    row = maker()

    with refused_by(name):
        way(row, values)


def test_two_companies_cannot_share_a_short_name():
    company = CompanyFactory(slug="rhone")

    with refused_by("accounts_company_slug_key"):
        CompanyFactory(slug=company.slug)


def test_two_people_cannot_share_an_address():
    user = UserFactory()

    with refused_by("accounts_user_email_key"):
        UserFactory(email=user.email)


def test_partner_has_one_agreement_with_a_company_and_one_with_another():
    partner, company = PartnerFactory(), CompanyFactory()
    PartnerAgreementFactory(partner=partner, company=company)
    PartnerAgreementFactory(partner=partner, company=CompanyFactory())

    with refused_by("agreement_once_per_partner"):
        PartnerAgreementFactory(partner=partner, company=company)
