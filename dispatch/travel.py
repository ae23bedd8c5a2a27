"""Driving times between places, in whole seconds."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from atmr.geo import distances_m


class TravelTimes(Protocol):
    """Where driving times come from: a road router, or the great circle."""

    @property
    def source(self) -> str:
        """The name under which a run records where its times came from."""

    def matrix_s(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int32]:
        """Give the seconds from point i to point j: square, zero diagonal."""


@dataclass(frozen=True)
class GreatCircle:
    """Great-circle distance times a detour factor, driven faster the farther it goes.

    A drive starts and ends in streets and has faster roads in between, so each band of distance
    has a speed of its own. Speeds that grow with the distance keep the triangle inequality: a
    stop on the way never makes a drive shorter.
    """

    source: str = "great_circle"
    detour: float = 1.35

    # Metres from which a speed in km/h holds.
    BANDS: ClassVar[tuple[tuple[float, float], ...]] = (
        (0.0, 22.0),
        (3_000.0, 35.0),
        (10_000.0, 60.0),
        (30_000.0, 85.0),
    )

    def matrix_s(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int32]:
        whole = self.seconds(distances_m(lat, lon) * self.detour)
        np.fill_diagonal(whole, 0)
        return whole

    def seconds(self, road_m: NDArray[np.float64]) -> NDArray[np.int32]:
        """Give the driving times of distances on the road."""
        starts, speeds = zip(*self.BANDS, strict=True)
        at_start_s = np.zeros(len(starts))
        for band in range(1, len(starts)):
            at_start_s[band] = at_start_s[band - 1] + (
                (starts[band] - starts[band - 1]) * 3.6 / speeds[band - 1]
            )
        band_of = np.searchsorted(np.array(starts), road_m, side="right") - 1
        seconds = (
            at_start_s[band_of]
            + (road_m - np.array(starts)[band_of]) * 3.6 / (np.array(speeds)[band_of])
        )
        # Rounded up, so that what fits in whole seconds fits on the road. A hair is taken off
        # first: half a metre of rounding noise between equal points is no second.
        whole: NDArray[np.int32] = np.ceil(seconds - 1e-3).clip(0).astype(np.int32)
        return whole
