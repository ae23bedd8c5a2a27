"""Pseudo-random numbers, the same on every machine."""

import numpy as np

from dispatch.darp.kernel.compiling import tight


@tight
def draw(s):
    """A uniform number in [0, 1) (xorshift64*)."""
    x = s.rng[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    s.rng[0] = x
    return np.float64((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@tight
def draw_below(s, k):
    """A uniform whole number in [0, k)."""
    return min(int(draw(s) * k), k - 1)
