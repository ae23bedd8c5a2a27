"""Distances, directions and times over the ground."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmr import geo

PARIS, LYON = (48.8566, 2.3522), (45.7640, 4.8357)
GENEVA, LAUSANNE = (46.2044, 6.1432), (46.5197, 6.6323)

lats = st.floats(-90, 90)
lons = st.floats(-180, 180)
points = st.tuples(lats, lons)


def test_known_distances():
    assert 390 <= geo.distance_km(*PARIS, *LYON) <= 395
    assert 50 <= geo.distance_km(*GENEVA, *LAUSANNE) <= 55
    assert geo.distance_m(*GENEVA, *GENEVA) == 0


@given(points, points)
def test_a_distance_is_the_same_both_ways_and_a_thousand_times_its_kilometres(a, b):
    there = geo.distance_m(*a, *b)

    assert 0 <= there <= math.pi * geo.EARTH_RADIUS_M
    assert there == pytest.approx(geo.distance_m(*b, *a), abs=1e-6)
    assert there == pytest.approx(1000 * geo.distance_km(*a, *b))


def test_antipodes_are_half_the_way_round():
    assert geo.distance_m(30, 20, -30, -160) == pytest.approx(math.pi * geo.EARTH_RADIUS_M)


def test_time_at_a_speed_is_at_40_kmh_unless_told():
    assert geo.drive_min(40_000) == pytest.approx(60)
    assert geo.drive_s(40_000) == pytest.approx(3600)
    assert geo.drive_min(30_000, speed_kmh=90) == pytest.approx(20)
    assert geo.drive_s(0) == 0


@pytest.mark.parametrize("speed_kmh", [0, -1, float("nan")])
@pytest.mark.parametrize("duration", [geo.drive_s, geo.drive_min])
def test_a_speed_of_zero_or_less_is_refused(duration, speed_kmh):
    with pytest.raises(ValueError, match="speed"):
        duration(1000, speed_kmh=speed_kmh)


@pytest.mark.parametrize(("is_valid", "end"), [(geo.is_lat, 90.0), (geo.is_lon, 180.0)])
def test_the_ends_of_a_coordinate_are_included_and_nothing_beyond(is_valid, end):
    assert is_valid(end)
    assert is_valid(-end)
    assert is_valid(0)
    assert not is_valid(math.nextafter(end, math.inf))
    assert not is_valid(math.nextafter(-end, -math.inf))
    assert not is_valid(math.nan)
    assert not is_valid(math.inf)
    assert not is_valid(-math.inf)


@pytest.mark.parametrize(
    ("to", "expected"), [((1, 0), 0), ((0, 1), 90), ((-1, 0), 180), ((0, -1), 270)]
)
def test_bearings_of_the_four_winds(to, expected):
    assert geo.bearing_deg(0, 0, *to) == pytest.approx(expected)


@given(points, points)
def test_a_bearing_is_never_negative_nor_360(a, b):
    assert 0 <= geo.bearing_deg(*a, *b) < 360


def test_a_direction_a_hair_west_of_north_is_not_360():
    assert geo.bearing_deg(0, 0, 80, -1e-300) == 0


@given(st.lists(points, min_size=0, max_size=6))
def test_matrices_say_what_the_single_functions_say(rows):
    lat, lon = [lat for lat, _ in rows], [lon for _, lon in rows]

    distances, bearings = geo.distances_m(lat, lon), geo.bearings_deg(lat, lon)

    assert distances.shape == bearings.shape == (len(rows), len(rows))
    assert (np.diagonal(distances) == 0).all()
    assert (np.diagonal(bearings) == 0).all()
    assert (distances == distances.T).all()
    assert ((bearings >= 0) & (bearings < 360)).all()
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            # Near antipodes an arc sine loses half its digits, whichever formula feeds it.
            assert distances[i, j] == pytest.approx(geo.distance_m(*a, *b), abs=0.5)


def test_matrix_bearings_are_those_of_the_single_function():
    rng = np.random.default_rng(7)
    lat, lon = rng.uniform(46.1, 46.4, 30), rng.uniform(5.9, 6.4, 30)

    bearings = geo.bearings_deg(lat, lon)

    for i in range(30):
        for j in range(30):
            expected = geo.bearing_deg(lat[i], lon[i], lat[j], lon[j])
            assert bearings[i, j] == pytest.approx(expected, abs=1e-6)


def test_five_hundred_points_take_milliseconds():
    rng = np.random.default_rng(7)
    lat, lon = rng.uniform(46.1, 46.4, 500), rng.uniform(5.9, 6.4, 500)

    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        geo.distances_m(lat, lon)
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 0.05  # a few milliseconds; a loop in Python takes 200
