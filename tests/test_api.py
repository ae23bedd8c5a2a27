"""Errors of the API have one shape: problem details (RFC 9457)."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError
from django.test import RequestFactory
from django.urls import path
from django.utils import translation
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, Throttled, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from atmr.api import problem_of
from atmr.errors import DomainError
from fleet.models import Vehicle
from tests.factories import DriverFactory, VehicleFactory


class DriverElsewhere(DomainError):
    message = "The driver is %(km)d km away. Choose another."


class Line(serializers.Serializer):
    minutes = serializers.IntegerField(min_value=1)


class Form(serializers.Serializer):
    name = serializers.CharField()
    lines = Line(many=True)

    def validate(self, attrs):
        if attrs["name"] == "odd":
            raise serializers.ValidationError("odd as a whole")
        return attrs


class Door(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []

    def get(self, request):
        raise self.error

    def post(self, request):
        form = Form(data=request.data)
        form.is_valid(raise_exception=True)
        return Response()


urlpatterns = [path("door/", Door.as_view())]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def english(settings):
    settings.LANGUAGE_CODE = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def answer(client, monkeypatch):
    def raising(error):
        monkeypatch.setattr(Door, "error", error, raising=False)
        return client.get("/door/")

    return raising


def test_a_refusal_is_a_conflict_whose_type_ends_in_its_code(answer):
    response = answer(DriverElsewhere(km=12, since=datetime(2027, 3, 10, tzinfo=UTC)))

    assert response.status_code == 409
    assert response["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:atmr:problem:driver-elsewhere",
        "title": "Driver elsewhere",
        "status": 409,
        "detail": "The driver is 12 km away. Choose another.",
        "details": {"km": 12, "since": "2027-03-10T00:00:00Z"},
    }


@pytest.mark.django_db
def test_rows_among_the_details_are_named_by_their_id(answer):
    driver, number = DriverFactory(), uuid.UUID(int=7)

    response = answer(DriverElsewhere(km=1, driver=driver, pool=number))

    assert response.json()["details"] == {"km": 1, "driver": driver.pk, "pool": str(number)}


@pytest.mark.django_db(transaction=True)
def test_a_constraint_that_fires_is_a_refusal(answer):
    vehicle = VehicleFactory()
    with pytest.raises(IntegrityError) as fired:
        Vehicle.objects.create(company=vehicle.company, plate=vehicle.plate)

    response = answer(fired.value)

    assert response.status_code == 409
    assert response.json()["type"] == "urn:atmr:problem:vehicle-plate-unique"
    assert response.json()["detail"] == "The company has a vehicle with this plate already."


def test_a_bug_is_not_dressed_up():
    assert problem_of(ValueError("a bug"), {}) is None
    assert problem_of(IntegrityError("no constraint"), {}) is None


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ({}, {"#/name", "#/lines"}),
        ({"name": "a", "lines": [{"minutes": 1}, {"minutes": 0}]}, {"#/lines/1/minutes"}),
        ({"name": "odd", "lines": []}, {"#"}),
        ([], {"#"}),
    ],
)
def test_what_is_malformed_is_pointed_at(client, sent, pointers):
    response = client.post("/door/", sent, content_type="application/json")

    assert response.status_code == 400
    body = response.json()
    assert body["type"] == "urn:atmr:problem:invalid"
    assert {error["pointer"] for error in body["errors"]} == pointers
    assert all(error["detail"] and error["code"] for error in body["errors"])


def test_a_flat_list_of_errors_points_at_the_whole():
    response = problem_of(ValidationError([ErrorDetail("no", code="bad")]), {})

    assert response.data["errors"] == [{"pointer": "#", "code": "bad", "detail": "no"}]


def test_what_is_no_json_is_said_to_be_none(client):
    response = client.post("/door/", "{", content_type="application/json")

    assert response.status_code == 400
    assert response.json()["type"] == "urn:atmr:problem:parse-error"


@pytest.mark.parametrize(
    ("error", "status", "code"), [(NotFound(), 404, "not-found"), (Throttled(7), 429, "throttled")]
)
def test_the_frameworks_errors_have_the_same_shape(answer, error, status, code):
    response = answer(error)

    assert response.status_code == response.json()["status"] == status
    assert response.json()["type"] == f"urn:atmr:problem:{code}"


def test_who_asks_too_often_is_told_when_to_come_back(answer):
    assert answer(Throttled(7))["Retry-After"] == "7"


def test_a_method_that_is_not_offered_is_named(client):
    response = client.delete("/door/")

    assert response.status_code == 405
    assert response.json()["type"] == "urn:atmr:problem:method-not-allowed"


def test_throttles_are_off_in_tests_and_on_elsewhere(settings):
    (throttle,) = APIView.throttle_classes

    assert throttle is UserRateThrottle
    assert throttle().allow_request(RequestFactory().get("/"), Door())
    assert settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] == {"user": None}
