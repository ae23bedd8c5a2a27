"""Great-circle geography on a sphere. Degrees in, metres and seconds out."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6_371_008.8  # mean radius of the WGS 84 ellipsoid
DEFAULT_SPEED_KMH = 40.0


def is_lat(value: float) -> bool:
    """Say whether `value` is a latitude: within 90 degrees, ends included, never NaN."""
    return -90.0 <= value <= 90.0


def is_lon(value: float) -> bool:
    """Say whether `value` is a longitude: within 180 degrees, ends included, never NaN."""
    return -180.0 <= value <= 180.0


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Measure the great-circle distance between two points (haversine)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    across = math.radians(lon2 - lon1) / 2
    h = math.sin((phi2 - phi1) / 2) ** 2 + math.cos(phi1) * math.cos(phi2) * math.sin(across) ** 2
    # Rounding takes antipodes a hair above one.
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, h)))


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    return distance_m(lat1, lon1, lat2, lon2) / 1000


def bearing_deg(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Give the direction in which to leave the first point for the second: 0 north, 90 east."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    across = math.radians(lon2 - lon1)
    east = math.sin(across) * math.cos(phi2)
    north = math.sin(phi2 - phi1) + 2 * math.sin(phi1) * math.cos(phi2) * math.sin(across / 2) ** 2
    # A tiny negative angle is 360.0 after the first remainder.
    return math.degrees(math.atan2(east, north)) % 360.0 % 360.0


def drive_s(distance_m: float, *, speed_kmh: float = DEFAULT_SPEED_KMH) -> float:
    """Give the seconds a distance takes at a speed.

    :raises ValueError: the speed is not positive.
    """
    if not speed_kmh > 0:
        raise ValueError(f"A speed is more than 0 km/h, not {speed_kmh}.")
    return distance_m * 3.6 / speed_kmh


def drive_min(distance_m: float, *, speed_kmh: float = DEFAULT_SPEED_KMH) -> float:
    """Give the minutes a distance takes at a speed.

    :raises ValueError: the speed is not positive.
    """
    return drive_s(distance_m, speed_kmh=speed_kmh) / 60


def distances_m(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """Measure the distance of every pair of n points: square, symmetric, zero diagonal.

    Half the straight line through the Earth is the sine of half the angle: one arc sine a pair
    instead of the four trigonometric functions of a haversine.
    """
    phi, lam = np.radians(_vector(lat)), np.radians(_vector(lon))
    x, y, z = np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)
    chord: NDArray[np.float64] = np.square(np.subtract.outer(x, x))
    chord += np.square(np.subtract.outer(y, y))
    chord += np.square(np.subtract.outer(z, z))
    np.sqrt(chord, out=chord)
    chord /= 2
    np.minimum(chord, 1.0, out=chord)
    np.arcsin(chord, out=chord)
    chord *= 2 * EARTH_RADIUS_M
    return chord


def bearings_deg(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """Give the direction from point i to point j at [i, j]; 0 between points that coincide."""
    phi, lam = np.radians(_vector(lat)), np.radians(_vector(lon))
    sin_phi, cos_phi, sin_lam, cos_lam = np.sin(phi), np.cos(phi), np.sin(lam), np.cos(lam)
    east = (np.outer(cos_lam, sin_lam) - np.outer(sin_lam, cos_lam)) * cos_phi
    # 1 - cos(lon2 - lon1), from differences: it is exactly zero on one meridian.
    bulge = np.square(np.subtract.outer(cos_lam, cos_lam))
    bulge += np.square(np.subtract.outer(sin_lam, sin_lam))
    north = np.outer(cos_phi, sin_phi) - np.outer(sin_phi, cos_phi)
    north += np.outer(sin_phi, cos_phi) * bulge / 2
    bearing: NDArray[np.float64] = np.degrees(np.arctan2(east, north)) % 360.0 % 360.0
    return bearing


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64).reshape(-1)
