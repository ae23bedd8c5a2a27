"""The admin's base: own company only, roles by the table, refusals shown in the form."""

import pytest
from django.urls import path, reverse
from django.utils import translation
from unfold.sites import UnfoldAdminSite

from accounts.admin import CompanyPage, PartnerAgreementAdmin, UserAdmin
from accounts.models import Company, PartnerAgreement, Role, User
from accounts.scoped import CompanyAdmin
from fleet.models import Driver, Shift, Vehicle
from tests.factories import (
    AbsenceFactory,
    CompanyFactory,
    DriverFactory,
    PartnerAgreementFactory,
    ShiftFactory,
    UserFactory,
    VehicleFactory,
)


class VehiclePage(CompanyAdmin):
    fields = ["company", "plate", "name"]
    list_display = ["plate", "company"]
    list_filter = ["company"]
    list_select_related = ["company"]


class ShiftPage(CompanyAdmin):
    fields = ["company", "driver", "vehicle", "starts_at", "ends_at", "start_place", "end_place"]
    list_display = ["id", "driver"]
    list_filter = ["driver"]
    list_select_related = ["driver"]


# A site of our own: what the apps register on the real one is theirs to test.
site = UnfoldAdminSite(name="admin")
site.register(Vehicle, VehiclePage)
site.register(Shift, ShiftPage)
site.register(User, UserAdmin)
site.register(Company, CompanyPage)
site.register(PartnerAgreement, PartnerAgreementAdmin)
site.register(Driver, CompanyAdmin)
urlpatterns = [path("admin/", site.urls)]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

VEHICLES = "admin:fleet_vehicle_changelist"


@pytest.fixture(autouse=True)
def english(settings):
    settings.LANGUAGE_CODE = "en"
    settings.UNFOLD = {}  # the sidebar leads to pages that this site does not have
    with translation.override("en"):
        yield


@pytest.fixture
def sign_in(client):
    def sign_in_as(role, **fields):
        user = UserFactory(role=role, **{"language": "en"} | fields)
        client.force_login(user)
        return user

    return sign_in_as


def shift_form(shift, **changes):
    """Fill the form of a shift as a browser does."""
    values = {
        "company": shift.company_id,
        "driver": shift.driver_id,
        "vehicle": shift.vehicle_id,
        "start_place": shift.start_place_id,
        "end_place": shift.end_place_id,
    }
    for name in ("starts_at", "ends_at"):
        instant = changes.pop(name, getattr(shift, name))
        values |= {f"{name}_0": f"{instant:%Y-%m-%d}", f"{name}_1": f"{instant:%H:%M:%S}"}
    return values | {name: row.pk for name, row in changes.items()}


def test_a_list_shows_the_own_company_and_an_administrator_sees_all(client, sign_in):
    user = sign_in(Role.VIEWER)
    own, other = VehicleFactory(company=user.company), VehicleFactory()

    page = client.get(reverse(VEHICLES)).content.decode()
    sign_in(Role.ADMINISTRATOR)
    everything = client.get(reverse(VEHICLES)).content.decode()

    assert own.plate in page
    assert other.plate not in page
    assert other.company.name not in page
    assert own.plate in everything
    assert other.plate in everything


@pytest.mark.parametrize("rows", [1, 6])
def test_a_list_costs_the_same_however_many_rows(client, sign_in, rows, django_assert_num_queries):
    user = sign_in(Role.VIEWER)
    for _ in range(rows):
        ShiftFactory(company=user.company)

    with django_assert_num_queries(4):  # session, user, the filter's drivers, rows
        response = client.get(reverse("admin:fleet_shift_changelist"))

    assert len(response.context["cl"].result_list) == rows


@pytest.mark.parametrize("view", ["change", "delete", "history"])
def test_a_row_of_another_company_is_not_there(client, sign_in, view):
    sign_in(Role.MANAGER)
    other = VehicleFactory()

    response = client.get(reverse(f"admin:fleet_vehicle_{view}", args=[other.pk]))

    assert response.status_code == 302
    assert response.url == reverse("admin:index")


def test_a_filter_offers_the_own_rows(client, sign_in):
    user = sign_in(Role.VIEWER)
    own, other = DriverFactory(company=user.company), DriverFactory()
    DriverFactory(company=user.company)  # with one choice there is no filter

    page = client.get(reverse("admin:fleet_shift_changelist")).content.decode()

    assert own.name in page
    assert other.name not in page


def test_a_form_offers_the_own_rows_and_refuses_others(client, sign_in):
    user = sign_in(Role.MANAGER)
    shift, other = ShiftFactory(company=user.company), DriverFactory()
    url = reverse("admin:fleet_shift_change", args=[shift.pk])

    page = client.get(url)
    response = client.post(url, shift_form(shift, driver=other))

    offered = page.context["adminform"].form.fields["driver"].queryset
    assert list(offered) == [shift.driver]
    assert "company" not in page.context["adminform"].form.fields
    assert response.status_code == 200
    assert "driver" in response.context["adminform"].form.errors
    shift.refresh_from_db()
    assert shift.driver != other


def test_a_new_row_belongs_to_the_company_of_who_enters_it(client, sign_in):
    user = sign_in(Role.MANAGER)

    client.post(
        reverse("admin:fleet_vehicle_add"),
        {"plate": "GE 7", "company": CompanyFactory().pk},
    )

    assert Vehicle.objects.get(plate="GE 7").company == user.company


def test_a_constraint_over_the_hidden_company_is_explained(client, sign_in):
    user = sign_in(Role.MANAGER)
    VehicleFactory(company=user.company, plate="GE 7")

    response = client.post(reverse("admin:fleet_vehicle_add"), {"plate": "GE 7"})

    assert "The company has a vehicle with this plate already." in response.content.decode()
    assert Vehicle.objects.count() == 1


def test_an_exclusion_constraint_is_explained(client, sign_in):
    user = sign_in(Role.DISPATCHER)
    shift = ShiftFactory(company=user.company)

    response = client.post(reverse("admin:fleet_shift_add"), shift_form(shift))

    assert "The driver has another shift at this time." in response.content.decode()
    assert Shift.objects.count() == 1


def test_what_only_a_trigger_refuses_is_shown_in_the_filled_form(client, sign_in):
    user = sign_in(Role.DISPATCHER)
    absence = AbsenceFactory(driver=DriverFactory(company=user.company))
    template = ShiftFactory(company=user.company)
    template.vehicle = VehicleFactory(company=user.company)

    response = client.post(
        reverse("admin:fleet_shift_add"),
        shift_form(template, driver=absence.driver, starts_at=absence.starts_at),
    )

    assert response.status_code == 200
    assert "The driver is absent at this time." in response.content.decode()
    assert response.context["adminform"].form["driver"].value() == str(absence.driver_id)
    assert Shift.objects.count() == 1
    assert not [message for message in response.context["messages"] if message.level_tag != "error"]


def test_an_administrator_cannot_mix_companies(client, sign_in):
    sign_in(Role.ADMINISTRATOR)
    shift, other = ShiftFactory(), DriverFactory()

    response = client.post(
        reverse("admin:fleet_shift_change", args=[shift.pk]), shift_form(shift, driver=other)
    )

    assert response.status_code == 200
    shift.refresh_from_db()
    assert shift.driver != other


@pytest.mark.parametrize(
    ("role", "add", "change", "delete"),
    [
        (Role.VIEWER, 403, 403, 403),
        (Role.DISPATCHER, 403, 403, 403),
        (Role.MANAGER, 200, 200, 200),
        (Role.ADMINISTRATOR, 200, 200, 200),
    ],
)
def test_roles_decide_what_can_be_changed(client, sign_in, role, add, change, delete):
    user = sign_in(role)
    vehicle = VehicleFactory(company=user.company, layout=None)
    values = {"plate": "GE 8", "company": user.company_id}

    change_url = reverse("admin:fleet_vehicle_change", args=[vehicle.pk])
    delete_url = reverse("admin:fleet_vehicle_delete", args=[vehicle.pk])

    assert client.get(change_url).status_code == 200  # all of them may look
    assert client.get(reverse("admin:fleet_vehicle_add")).status_code == add
    assert client.post(change_url, values, follow=True).status_code == change
    assert client.post(delete_url, {"post": "yes"}, follow=True).status_code == delete
    assert Vehicle.objects.exists() is (delete == 403)


def test_a_driver_has_no_admin(client, sign_in):
    sign_in(Role.DRIVER)

    assert client.get(reverse(VEHICLES)).status_code == 302


def test_deleting_what_is_still_used_is_refused_in_words(client, sign_in):
    user = sign_in(Role.MANAGER)
    shift = ShiftFactory(company=user.company)

    response = client.post(
        reverse("admin:fleet_vehicle_delete", args=[shift.vehicle_id]), {"post": "yes"}
    )

    assert response.status_code in {200, 403}
    assert Vehicle.objects.filter(pk=shift.vehicle_id).exists()


def test_a_manager_sees_the_people_of_the_company_and_makes_none_administrator(client, sign_in):
    manager = sign_in(Role.MANAGER)
    UserFactory(role=Role.ADMINISTRATOR, company=manager.company, email="root@example.org")
    colleague = UserFactory(company=manager.company)

    listed = client.get(reverse("admin:accounts_user_changelist")).content.decode()
    page = client.get(reverse("admin:accounts_user_change", args=[colleague.pk]))
    roles = [value for value, _ in page.context["adminform"].form.fields["role"].choices]

    assert colleague.email in listed
    assert "root@example.org" not in listed
    assert Role.ADMINISTRATOR not in roles
    assert Role.DISPATCHER in roles


def test_a_second_agreement_with_a_partner_is_explained(client, sign_in):
    sign_in(Role.ADMINISTRATOR)
    agreement = PartnerAgreementFactory()

    response = client.post(
        reverse("admin:accounts_partneragreement_add"),
        {"company": agreement.company_id, "partner": agreement.partner_id, "active": "on"},
    )

    assert "This partner has an agreement already." in response.content.decode()


def test_a_manager_keeps_the_companys_page_but_not_its_address_and_clock(client, sign_in):
    company = CompanyFactory(slug="ours")
    sign_in(Role.MANAGER, company=company)
    page = reverse("admin:accounts_company_change", args=[company.pk])

    client.post(
        page, {"name": "Renamed", "language": "de", "slug": "theirs", "time_zone": "Asia/Tokyo"}
    )

    company.refresh_from_db()
    assert (company.name, company.slug) == ("Renamed", "ours")
    assert company.time_zone == "Europe/Zurich"
