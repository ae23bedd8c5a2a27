"""Named tuples of arrays are handed to compiled code by one address."""

from typing import NamedTuple

import numpy as np
import pytest
from numba import config, njit

from dispatch.darp.kernel.bundles import bundled
from dispatch.darp.kernel.compiling import inner


@bundled(cube=5)
class Pair(NamedTuple):
    counts: np.ndarray
    cube: np.ndarray


@inner
def add_up(pair, limit):
    total = 0.0
    for i in range(limit):
        pair.counts[i] += 1
        total += pair.cube[i, 1][2]
    return total


@njit(_nrt=False)
def entered(pair, limit):
    first = add_up(pair, limit)
    pair.counts[0] = 10 * pair.counts[0]
    return first, add_up(pair, limit), pair.cube.shape, pair.counts[0]


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(config, "DISABLE_JIT", 0)


@pytest.fixture
def pair():
    return Pair(np.arange(4), np.arange(60.0).reshape(4, 3, 5))


@pytest.mark.usefixtures("compiled")
def test_compiled_code_reads_and_writes_the_arrays_of_a_bundle(pair):
    found = entered(pair, 3)

    assert found == (7.0 + 22 + 37, 7.0 + 22 + 37, (4, 3, 5), 11)
    assert pair.counts.tolist() == [11, 3, 4, 3]


@pytest.mark.usefixtures("compiled")
def test_the_next_call_gets_the_arrays_of_its_own_bundle(pair):
    entered(pair, 3)

    assert entered(Pair(np.zeros(2, int), np.ones((2, 2, 5))), 2)[:3] == (2.0, 2.0, (2, 2, 5))


@pytest.mark.usefixtures("compiled")
def test_an_array_with_gaps_is_refused(pair):
    with pytest.raises(TypeError, match="cube must be C-contiguous"):
        entered(pair._replace(cube=pair.cube[:, ::2]), 3)


@pytest.mark.usefixtures("compiled")
def test_an_array_with_other_columns_is_refused(pair):
    with pytest.raises(TypeError, match="Pair has other columns"):
        entered(pair._replace(cube=np.ones((4, 3, 6))), 3)
